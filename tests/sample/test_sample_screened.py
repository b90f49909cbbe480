"""The screen's choice in turn with a balanced control sample."""

from collections import Counter
from itertools import combinations

import pytest
from sample_spaces import draw, every_point, make_space

from nas.sample import TopKWithControls
from nas.schema import Assignment, ExpertChoice, Phase


def chosen(*families: str, member: int = 0) -> list[list[ExpertChoice]]:
    return [[ExpertChoice(f"F0{f}", f"f0{f}_{member}") for f in mixture] for mixture in families]


def picks(assignment: Assignment) -> str:
    return "".join(pick.family[-1] for pick in assignment.picks)


def test_arms_take_turns_best_first() -> None:
    sampler = TopKWithControls(make_space([1] * 8, 3), 0, chosen("567", "012", "346"))
    drawn = [picks(r.assignment) for r in draw(sampler, 9)]
    assert drawn[0::2][:3] == ["567", "012", "346"]
    assert not {"567", "012", "346"} & set(drawn[1::2])


@pytest.mark.parametrize("seed", range(3))
def test_the_control_arm_is_balanced_by_itself(seed: int) -> None:
    wanted = chosen("012", "013", "014", "015", "016", "017")  # lopsided
    records = draw(TopKWithControls(make_space([1] * 8, 3, [2]), seed, wanted), 12)
    control = [r.assignment for r in records[1::2]]
    counts = Counter(pick.family for a in control for pick in a.picks)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert len(counts) == 8


def test_chosen_mixtures_get_all_settings_alike() -> None:
    wanted = chosen(*("".join(c) for c in combinations("01234", 3)))
    records = draw(TopKWithControls(make_space([1] * 8, 3, [2, 3]), 0, wanted), 20)
    arm = [dict(r.assignment.choices) for r in records[0::2]]
    assert len(arm) == 10
    for axis, width in (("c0", 2), ("c1", 3)):
        counts = Counter(settings[axis] for settings in arm)
        assert len(counts) == width
        assert max(counts.values()) - min(counts.values()) <= 1


def test_all_but_other_settings_of_the_chosen_are_drawn() -> None:
    space = make_space([1, 2, 1, 1], 2, [2])
    wanted = [[ExpertChoice("F00", "f00_0"), ExpertChoice("F01", "f01_1")]]
    records = draw(TopKWithControls(space, 1, wanted), 100)
    left = set(every_point(space)) - {r.assignment for r in records}
    assert len(left) == 1
    assert next(iter(left)).picks == tuple(wanted[0])


def test_a_chosen_mixture_of_a_benched_family_waits() -> None:
    space = make_space([1] * 6, 2)
    sampler = TopKWithControls(space, 0, chosen("01", "23"))
    first = draw(sampler, 2, Phase(0, frozenset({"F00"})))
    assert picks(first[0].assignment) == "23"
    assert "0" not in picks(first[1].assignment)
    assert picks(draw(sampler, 3, Phase(0), first)[2].assignment) == "01"


def test_what_the_space_lacks_is_passed_over() -> None:
    wanted = [[ExpertChoice("F09", "f09_0"), ExpertChoice("F01", "f01_0")], *chosen("12")]
    sampler = TopKWithControls(make_space([1] * 4, 2), 0, wanted)
    assert picks(draw(sampler, 1)[0].assignment) == "12"
