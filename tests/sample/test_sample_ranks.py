"""Unranking against `itertools`, and the two samplers that walk a numbering."""

from collections import Counter
from dataclasses import replace
from itertools import combinations, groupby
from math import comb

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_spaces import draw, every_point, make_space

from nas.sample import make_sampler
from nas.sample.grid import Grid
from nas.sample.ranks import Ranks, RemainingPoints, combinations_with
from nas.sample.samplers.uniform import below
from nas.schema import Phase


@settings(max_examples=60)
@given(
    sizes=st.lists(st.integers(1, 3), max_size=6),
    k=st.integers(1, 6),
    choices=st.lists(st.integers(1, 3), max_size=2),
    data=st.data(),
)
def test_ranks_are_places_in_the_brute_force_list(
    sizes: list[int], k: int, choices: list[int], data: st.DataObject
) -> None:
    if not sizes and not choices:
        choices = [2]
    space = make_space(sizes, min(k, max(1, len(sizes))), choices)
    grid = Grid(space)
    gone = data.draw(st.sets(st.sampled_from(space.families))) if sizes else set()
    eligible = grid.eligible(gone)
    points = every_point(space, gone)
    ranks = Ranks(grid, eligible)
    assert ranks.total == len(points)
    assert [grid.decode(ranks.unrank(rank)) for rank in range(len(points))] == points
    encoded = [grid.encode(point) for point in points]
    assert [ranks.rank(point) for point in encoded if point] == list(range(len(points)))
    for family, total in combinations_with(grid, eligible).items():
        assert total == sum(grid.families[family] in point.families for point in points)
    for point in every_point(space):
        known = grid.encode(point)
        assert known is not None
        assert (ranks.rank(known) is None) == (not gone.isdisjoint(point.families))


def test_ranks_of_a_space_too_large_to_list() -> None:
    grid = Grid(make_space([1] * 100, 4))
    ranks = Ranks(grid, range(100))
    assert ranks.total == comb(100, 4) == 3_921_225
    # The last subset, and the first that begins with family 1: C(99, 3) begin with family 0.
    assert ranks.unrank(ranks.total - 1).subset == (96, 97, 98, 99)
    assert ranks.unrank(comb(99, 3)).subset == (1, 2, 3, 4)
    for rank in np.random.default_rng(0).integers(ranks.total, size=500).tolist():
        assert ranks.rank(ranks.unrank(rank)) == rank


@given(st.sets(st.integers(0, 23)), st.permutations(range(24)))
def test_undrawn_points_keep_their_order(drawn: set[int], order: list[int]) -> None:
    space = make_space(choices=[4, 6])
    grid = Grid(space)
    points = [grid.encode(point) for point in every_point(space)]
    undrawn = RemainingPoints(grid, ())
    history = [points[i] for i in order if i in drawn]
    undrawn.fold(history[:3])
    undrawn.fold([*history, *history, None])  # a repeated point counts once
    assert [undrawn.at(i) for i in range(undrawn.left)] == [
        point for i, point in enumerate(points) if i not in drawn
    ]


def test_below_is_uniform_at_any_size() -> None:
    rng = np.random.default_rng(0)
    small = Counter(below(5, rng) for _ in range(5000))
    # chi-square with 4 degrees of freedom: 18.5 is passed with probability 0.001.
    assert sum((n - 1000) ** 2 / 1000 for n in small.values()) < 18.5
    assert {below(1, rng) for _ in range(9)} == {0}
    large = [below(3 * 2**200, rng) >> 200 for _ in range(3000)]
    # 2 degrees of freedom: 13.8.
    assert sum((n - 1000) ** 2 / 1000 for n in Counter(large).values()) < 13.8
    assert set(large) == {0, 1, 2}


class TestUniform:
    def test_every_pair_of_draws_is_equally_likely(self) -> None:
        """C(4, 2) · 2 = 12 points: 12 · 11 = 132 ordered pairs, 2,640 seeds, 20 expected each."""
        space = make_space([1] * 4, 2, [2])
        pairs = Counter(
            tuple(r.assignment for r in draw(make_sampler("uniform", space, seed), 2))
            for seed in range(2640)
        )
        assert len(pairs) == 132
        # chi-square with 131 degrees of freedom: 186 is passed with probability 0.001.
        assert sum((n - 20) ** 2 / 20 for n in pairs.values()) < 186

    def test_points_not_subsets_are_equally_likely(self) -> None:
        space = make_space([1, 3], 1)
        firsts = Counter(
            a.picks[0].model
            for seed in range(1000)
            if (a := make_sampler("uniform", space, seed).propose([]))
        )
        # 3 degrees of freedom: 16.3.
        assert sum((n - 250) ** 2 / 250 for n in firsts.values()) < 16.3

    def test_the_order_of_records_has_no_influence(self) -> None:
        space = make_space([2] * 8, 4, [2])
        records = draw(make_sampler("uniform", space, 1), 30)
        turned = [replace(r, number=i) for i, r in enumerate(reversed(records))]
        assert make_sampler("uniform", space, 1).propose(records) == make_sampler(
            "uniform", space, 1
        ).propose(turned)


class TestLexicographic:
    def test_the_published_order(self) -> None:
        space = make_space([1] * 29, 4)
        drawn = [r.assignment.families for r in draw(make_sampler("lexicographic", space, 0), 1146)]
        assert drawn == list(combinations(space.families, 4))[:1146]
        # As published: 1,146 quartets, every one with the first family.
        assert all("F00" in families for families in drawn)

    def test_one_model_of_every_subset_before_a_second(self) -> None:
        space = make_space([1, 2, 1, 3], 2, [2])
        drawn = [r.assignment for r in draw(make_sampler("lexicographic", space, 0), 100)]
        points = every_point(space)
        cells = [list(group) for _, group in groupby(points, key=lambda a: a.families)]
        sweeps = max(map(len, cells))
        assert drawn == [cell[s] for s in range(sweeps) for cell in cells if s < len(cell)]

    @pytest.mark.parametrize("skipped", [0, 3])
    def test_goes_on_behind_what_is_drawn(self, skipped: int) -> None:
        space = make_space([1] * 6, 3)
        sampler = make_sampler("lexicographic", space, 0)
        records = draw(sampler, 5, Phase(0, frozenset(space.families[:skipped])))
        first = next(
            q
            for q in combinations(space.families, 3)
            if q not in {r.assignment.families for r in records}
        )
        proposed = sampler.propose(records)
        assert proposed is not None
        assert proposed.families == first
