"""How level `stratified` keeps its draws."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_spaces import draw, every_point, make_space

from nas.sample import make_sampler
from nas.schema import Assignment, Phase, Space


def spread(counts: Counter[object], keys: Sequence[object]) -> int:
    seen = [counts[key] for key in keys]
    return max(seen) - min(seen)


def families(space: Space, excluded: frozenset[str] = frozenset()) -> list[str]:
    return [family for family in space.families if family not in excluded]


def check_every_prefix(
    space: Space, drawn: Sequence[Assignment], excluded: frozenset[str] = frozenset()
) -> None:
    """Families, members and values within 1 of each other after every draw."""
    names = families(space, excluded)
    count: Counter[object] = Counter()
    for assignment in drawn:
        count.update(assignment.families)
        count.update(pick.model for pick in assignment.picks)
        count.update(assignment.choices)
        assert spread(count, names) <= 1
        for family in names:
            assert space.experts is not None
            assert spread(count, [m.model for m in space.experts.families[family]]) <= 1
        for choice in space.choices:
            assert spread(count, [(choice.name, value) for value in choice.values]) <= 1


@pytest.mark.proof
@pytest.mark.parametrize(("n", "seed"), [(29, 0), (29, 1), (29, 2), (28, 3), (30, 4)])
def test_the_published_campaign_drawn_fairly(n: int, seed: int) -> None:
    space = make_space([1 + i % 3 for i in range(n)], 4, [2, 3])
    drawn = [r.assignment for r in draw(make_sampler("stratified", space, seed), 1146)]
    check_every_prefix(space, drawn)
    pairs = Counter(pair for a in drawn for pair in combinations(a.families, 2))
    assert spread(pairs, list(combinations(space.families, 2))) <= 2
    # 1146 · 4 / n draws of each family over 3 values are ~53 each; with 2, ~79.
    beside = Counter((family, c) for a in drawn for family in a.families for c in a.choices)
    for choice in space.choices:
        for family in space.families:
            keys = [(family, (choice.name, value)) for value in choice.values]
            assert spread(beside, keys) <= 8
    joint = Counter(a.choices for a in drawn)
    assert spread(joint, list(joint)) <= 2
    assert len(joint) == 6


@settings(max_examples=40)
@given(data=st.data(), seed=st.integers(0, 2**64))
def test_every_prefix_of_every_phase_is_level(data: st.DataObject, seed: int) -> None:
    sizes = data.draw(st.lists(st.integers(1, 3), min_size=2, max_size=12))
    k = data.draw(st.integers(1, min(5, len(sizes))))
    # 61 settings, more than draws: no subset is exhausted, so nothing forces a wider spread.
    space = make_space(sizes, k, [61, data.draw(st.integers(1, 3))])
    sampler = make_sampler("stratified", space, seed)
    records = draw(sampler, 30)
    check_every_prefix(space, [r.assignment for r in records])

    gone = data.draw(st.sets(st.sampled_from(space.families), max_size=len(sizes) - k))
    second = Phase(1, frozenset(gone))
    records = draw(sampler, 30, second, records)
    count: Counter[object] = Counter()
    for record in records[30:]:
        count.update(record.assignment.families)
        assert spread(count, families(space, second.excluded)) <= 1
    assert gone.isdisjoint(count)


@settings(max_examples=30)
@given(
    sizes=st.lists(st.integers(1, 2), min_size=2, max_size=6),
    k=st.integers(1, 4),
    width=st.integers(1, 3),
    seed=st.integers(0, 1000),
)
def test_families_are_no_further_apart_than_drawn_points_force(
    sizes: list[int], k: int, width: int, seed: int
) -> None:
    """To the last point, each draw takes the least drawn families that still have a point."""
    space = make_space(sizes, min(k, len(sizes)), [width])
    left = set(every_point(space))
    count: Counter[str] = Counter()
    for record in draw(make_sampler("stratified", space, seed), len(left)):
        best = min(sum(count[f] for f in point.families) for point in left)
        assert sum(count[f] for f in record.assignment.families) == best
        count.update(record.assignment.families)
        left.remove(record.assignment)
    assert not left


@pytest.mark.parametrize(("n", "k"), [(5, 4), (5, 2), (6, 3), (7, 4), (9, 4)])
@pytest.mark.parametrize("seed", [0, 1])
def test_a_space_of_equal_families_stays_level_to_the_end(n: int, k: int, seed: int) -> None:
    space = make_space([1] * n, k, [2])
    records = draw(make_sampler("stratified", space, seed), 1000)
    count: Counter[str] = Counter()
    for number, record in enumerate(records):
        count.update(record.assignment.families)
        # Exhausted subsets begin to force 2 in the second half only.
        assert spread(count, space.families) <= (1 if 2 * number < len(records) else 2)


def test_ties_are_broken_evenly() -> None:
    """The first quartet of 6 is any of the 15 with equal chance, and so is the first member."""
    space = make_space([2] * 6, 4, [3])
    first = [make_sampler("stratified", space, seed).propose([]) for seed in range(600)]
    quartets = Counter(a.families for a in first if a)
    assert len(quartets) == 15
    # chi-square with 14 degrees of freedom: 36.1 is passed with probability 0.001.
    assert sum((n - 40) ** 2 / 40 for n in quartets.values()) < 36.1
    # 16 · 3 cells, 12.5 expected in each; 47 degrees of freedom: 82.7.
    cells = Counter((tuple(p.model[-1] for p in a.picks), a.choices) for a in first if a)
    assert len(cells) == 48
    assert sum((n - 12.5) ** 2 / 12.5 for n in cells.values()) < 82.7


def test_every_quartet_can_come_up_late_in_a_round() -> None:
    space = make_space([1] * 7, 4, [5])
    fourth = {
        draw(make_sampler("stratified", space, seed), 4)[3].assignment.families
        for seed in range(400)
    }
    assert len(fourth) == 35


def test_a_new_phase_starts_its_own_count() -> None:
    space = make_space([1] * 8, 4, [50])
    sampler = make_sampler("stratified", space, 0)
    without = Phase(1, frozenset({"F00"}))
    records = draw(sampler, 14, without, draw(sampler, 7))
    # 14 draws of 4 in the first phase's tail would make up for it; a new phase does not.
    more = draw(sampler, 2, Phase(2), records)
    assert Counter(f for r in more[21:] for f in r.assignment.families) == Counter(space.families)


def test_a_rare_family_that_is_exhausted_no_longer_counts() -> None:
    # F00 has 1 point of its own, the others 20 each: k = 1.
    space = make_space([1, 20, 20], 1)
    drawn = [r.assignment.families[0] for r in draw(make_sampler("stratified", space, 0), 41)]
    assert drawn.count("F00") == 1
    assert "F00" in drawn[:3]
    others = [family for family in drawn if family != "F00"]
    for n in range(41):
        assert abs(others[:n].count("F01") - others[:n].count("F02")) <= 1


def test_choices_without_experts_are_level() -> None:
    space = make_space(choices=[4, 6, 5])
    drawn = [r.assignment for r in draw(make_sampler("stratified", space, 0), 60)]
    for axis, width in enumerate((4, 6, 5)):
        count = Counter(a.choices[axis] for a in drawn)
        assert max(count.values()) - min(count.values()) == 0, (axis, width)
    # Pairs of values too: 60 draws over 4 × 6 cells are 2 or 3 each.
    joint = Counter(a.choices[:2] for a in drawn)
    assert len(joint) == 24
    assert np.ptp(list(joint.values())) <= 2
