"""The chosen arm by what training gave so far, in turn with a balanced control arm."""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import pytest
from sample_spaces import draw, make_space

from nas.sample import SurrogateSampler
from nas.sample.samplers.corrected import chosen_slot
from nas.schema import Assignment, ExpertChoice, Phase, Record

SPACE = make_space([1] * 8, 3, [2])
MIXTURES = [[ExpertChoice(f"F0{f}", f"f0{f}_0") for f in c] for c in combinations("01234567", 3)]


def picks(record: Record) -> str:
    return "".join(pick.family[-1] for pick in record.assignment.picks)


def backwards(records: Sequence[Record]) -> list[int]:
    """As scored at first; after four draws the other way round."""
    order = list(range(len(MIXTURES)))
    return order if len(records) < 4 else order[::-1]


def sampler(seed: int = 0, slots: int = 10) -> SurrogateSampler:
    return SurrogateSampler(SPACE, seed, MIXTURES, backwards, slots)


@pytest.mark.parametrize("seed", range(3))
def test_what_is_chosen_follows_the_order_of_the_day(seed: int) -> None:
    drawn = [picks(record) for record in draw(sampler(seed), 10)]
    early = [name for name in ("012", "013", "014") if name not in drawn[1:2]]
    assert drawn[0] == "012"
    assert drawn[2] == next(name for name in early if name != "012")
    late = [name for name in ("567", "467", "457", "456", "367") if name not in drawn[:4]]
    assert drawn[4] == late[0]
    assert len(set(drawn)) == 10  # neither arm takes what the other has


def test_arms_can_be_reported_by_the_numbers_of_draws() -> None:
    """What the report goes by: see nas.results.screen_validation.arms."""
    records = draw(sampler(slots=3), 20)
    assert [n for n in range(20) if chosen_slot(n, 3)] == [0, 2, 4]
    control = [r for r in records if not chosen_slot(r.number, 3)]
    counts = Counter(pick.family for r in control for pick in r.assignment.picks)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_a_new_sampler_goes_on_where_another_was() -> None:
    whole = draw(sampler(), 30)
    for at in (1, 4, 5, 17):
        again = draw(sampler(), 30 - at, before=whole[:at])
        assert [r.assignment for r in again] == [r.assignment for r in whole]


def test_settings_of_the_chosen_are_level() -> None:
    records = draw(sampler(), 20)
    chosen = Counter(r.assignment.choices for r in records if chosen_slot(r.number, 10))
    assert sorted(chosen.values()) == [5, 5]


def test_benched_families_are_passed_over() -> None:
    records = draw(sampler(), 6, Phase(0, frozenset({"F00"})))
    assert all("0" not in picks(record) for record in records)
    assert picks(records[0]) == "123"


def test_other_settings_of_the_chosen_are_not_drawn() -> None:
    """56 mixtures of 2 settings, ten of them drawn with one alone."""
    records = draw(sampler(), 200)
    assert len(records) == 2 * 56 - 10
    times = Counter(picks(record) for record in records)
    assert all(times[picks(records[n])] == 1 for n in range(0, 20, 2))


def test_mixtures_that_the_space_lacks_are_passed_over() -> None:
    strange = [[ExpertChoice("F99", "f99"), *MIXTURES[0][1:]], MIXTURES[5]]
    found = SurrogateSampler(SPACE, 0, strange, lambda records: (0, 1), 4).propose([])
    assert isinstance(found, Assignment)
    assert list(found.picks) == MIXTURES[5]
