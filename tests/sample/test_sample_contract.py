"""What every sampler promises: every one there is, and those of screens with a screen."""

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from loaded_modules import loaded_by
from sample_spaces import draw, every_point, finished, make_arms, make_space

from nas.registry import SAMPLERS
from nas.sample import (
    Sampler,
    SurrogateSampler,
    TopKWithControls,
    make_sampler,
    sampler_class,
)
from nas.schema import Assignment, Choice, ExpertChoice, Phase, ProblemError, Record, Space

SPACES = {
    "quartets": make_space([1] * 5, 4, [2]),
    "members": make_space([1, 2, 3, 1], 2, [2]),
    "experts_only": make_space([2] * 4, 3),
    "all_families": make_space([2, 2, 1], 3),
    "one_expert": make_space([3, 1, 2], 1, [3]),
    "arms": make_arms([3, 1, 2], [2]),
    "arms_only": make_arms([1, 2]),
    "choices_only": make_space(choices=[3, 2, 4]),
    "one_point": make_space([1], 1),
    "alike": Space(
        name="alike",
        choices=(Choice(name="c", values=(1, True, 1.0, "1", 0, False)),),
    ),
}
"""Few enough points to exhaust."""

WIDE = make_space([1 + i % 3 for i in range(8)], 4, [2, 3])
WIDE_POINTS = set(every_point(WIDE))


def scored(space: Space) -> list[tuple[ExpertChoice, ...]]:
    """The mixtures of a screen of this space."""
    drawn = draw(make_sampler("uniform", space, 99), 6)
    return list(dict.fromkeys(r.assignment.picks for r in drawn if r.assignment.picks))


def with_screen(space: Space, seed: int) -> Sampler:
    return TopKWithControls(space, seed, scored(space))


def with_correction(space: Space, seed: int) -> Sampler:
    mixtures = scored(space)

    def order(records: Sequence[Record]) -> Iterable[int]:
        first = sum(record.value is not None for record in records)
        return [(first + n) % len(mixtures) for n in range(len(mixtures))]

    return SurrogateSampler(space, seed, mixtures, order, slots=4)


MAKERS: dict[str, Callable[[Space, int], Sampler]] = {
    **{name: partial(make_sampler, name) for name in SAMPLERS.names()},
    "screen, with one": with_screen,
    "corrected, with one": with_correction,
}


def owed(name: str, space: Space, points: Iterable[Assignment]) -> list[Assignment]:
    """Those of the points that a sampler must draw; of a chosen mixture, one setting is enough."""
    chosen = scored(space) if name not in SAMPLERS.names() else []
    return [point for point in points if point.picks not in chosen]


def as_json(records: list[Record]) -> str:
    # JSON, as Assignment's equality takes 1 and True for the same.
    return json.dumps([record.assignment.to_json() for record in records])


@pytest.fixture(scope="module")
def elsewhere() -> list[dict[str, str]]:
    """The draws of three new processes that hash strings differently."""
    code = (
        "import json; from sample_spaces import draw; from test_sample_contract import *;"
        "print(json.dumps({n: as_json(draw(make(WIDE, 7), 20)) for n, make in MAKERS.items()}))"
    )
    here = Path(__file__).parent
    path = [str(folder) for folder in (here, here.parent / "helpers", here.parents[1])]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": os.pathsep.join(path)},
        )
        for seed in ("0", "1", "4242")
    ]
    return [json.loads(process.communicate()[0]) for process in processes]


@pytest.mark.parametrize("name", MAKERS)
class TestEverySampler:
    def test_is_registered_under_its_name(self, name: str) -> None:
        sampler = MAKERS[name](WIDE, 0)
        assert type(sampler) is sampler_class(sampler.name)
        assert name.startswith(sampler.name)

    @pytest.mark.parametrize("space", SPACES)
    def test_draws_every_point_once_and_then_none(self, name: str, space: str) -> None:
        points = every_point(SPACES[space])
        sampler = MAKERS[name](SPACES[space], 3)
        records = draw(sampler, len(points) + 5)
        # JSON, as Assignment's equality takes 1 and True for the same.
        drawn = Counter(json.dumps(r.assignment.to_json()) for r in records)
        every = {json.dumps(point.to_json()): point for point in points}
        assert set(drawn.values()) == {1}
        assert {json.dumps(p.to_json()) for p in owed(name, SPACES[space], points)} <= set(drawn)
        assert {every[key].picks for key in drawn} == {point.picks for point in points}
        assert sampler.propose(records) is None
        assert MAKERS[name](SPACES[space], 3).propose(records) is None

    def test_never_draws_a_point_twice_in_a_large_space(self, name: str) -> None:
        records = draw(MAKERS[name](make_space([2] * 40, 4, [3, 3]), 0), 40)
        assert len({r.assignment for r in records}) == 40

    def test_draws_points_of_the_space(self, name: str) -> None:
        assert all(r.assignment in WIDE_POINTS for r in draw(MAKERS[name](WIDE, 1), 30))

    def test_cold_is_warm(self, name: str) -> None:
        records = draw(MAKERS[name](WIDE, 5), 30)
        for n in (0, 1, 9, 10, 11, 19, 29):
            assert MAKERS[name](WIDE, 5).propose(records[:n]) == records[n].assignment

    def test_asking_changes_nothing(self, name: str) -> None:
        sampler = MAKERS[name](WIDE, 5)
        records = draw(sampler, 25)
        # Backwards, twice each, with records that are equal and not the same, and astray.
        other = draw(MAKERS[name](WIDE, 6), 24)
        for n in reversed(range(25)):
            copies = [
                replace(
                    r,
                    assignment=Assignment(
                        picks=tuple(ExpertChoice(p.family, p.model) for p in r.assignment.picks),
                        choices=tuple(r.assignment.choices),
                    ),
                )
                for r in records[:n]
            ]
            assert sampler.propose(copies) == records[n].assignment
            sampler.propose(other)
            assert sampler.propose(copies) == records[n].assignment

    def test_the_same_length_with_another_middle_is_another_history(self, name: str) -> None:
        records = draw(MAKERS[name](WIDE, 5), 25)
        points = {r.assignment for r in records}
        other = min(WIDE_POINTS - points, key=repr)
        changed = [*records[:12], finished(12, other), *records[13:]]
        warm = MAKERS[name](WIDE, 5)
        warm.propose(records)
        assert warm.propose(changed) == MAKERS[name](WIDE, 5).propose(changed)
        moved = [*records[:12], replace(records[12], phase=1), *records[13:]]
        assert warm.propose(moved) == MAKERS[name](WIDE, 5).propose(moved)

    def test_results_that_come_late_count_as_if_they_had_been_there(self, name: str) -> None:
        records = draw(MAKERS[name](WIDE, 5), 25)
        pending = [replace(r, status=None, value=None) for r in records]
        warm = MAKERS[name](WIDE, 5)
        without = warm.propose(pending)
        with_results = warm.propose(records)
        assert without == MAKERS[name](WIDE, 5).propose(pending)
        assert with_results == MAKERS[name](WIDE, 5).propose(records)
        if not warm.uses_results:
            assert without == with_results

    def test_same_draws_in_other_processes(
        self, name: str, elsewhere: list[dict[str, str]]
    ) -> None:
        here = as_json(draw(MAKERS[name](WIDE, 7), 20))
        assert [there[name] for there in elsewhere] == [here] * 3

    def test_excluded_families_are_not_drawn(self, name: str) -> None:
        space = make_space([1] * 6, 3, [2])
        sampler = MAKERS[name](space, 2)
        records = draw(sampler, 12)
        second = Phase(1, frozenset({"F01", "F04"}))
        left = set(every_point(space, second.excluded)) - {r.assignment for r in records}
        more = draw(sampler, 100, second, records)
        drawn = {r.assignment for r in more[12:]}
        assert left >= drawn >= set(owed(name, space, left))
        assert len(more) == 12 + len(drawn)
        assert sampler.propose(more, second) is None
        # All families again: what the second phase could not draw is still to be had.
        everything = draw(sampler, 100, Phase(2), more)
        drawn = {r.assignment for r in everything}
        assert set(every_point(space)) >= drawn >= set(owed(name, space, every_point(space)))
        assert {a.picks for a in drawn} == {a.picks for a in every_point(space)}
        assert len(everything) == len(drawn)

    def test_too_few_families_left(self, name: str) -> None:
        sampler = MAKERS[name](make_space([3] * 5, 4), 0)
        assert sampler.propose([], Phase(1, frozenset({"F01"}))) is not None
        assert sampler.propose([], Phase(2, frozenset({"F01", "F02"}))) is None

    def test_excluding_what_the_space_lacks_is_no_matter(self, name: str) -> None:
        sampler = MAKERS[name](WIDE, 0)
        assert sampler.propose([], Phase(0, frozenset({"Nothing"}))) == sampler.propose([])

    def test_bears_records_from_outside_the_space(self, name: str) -> None:
        # Drawn before the space was restricted: a model that is gone, a family that is gone.
        wider = make_space([2] * 5, 2, [2])
        before = draw(MAKERS[name](wider, 0), 30)
        narrower = wider.without(["f00_1", "f04_0", "f04_1"])
        points = set(every_point(narrower))
        records = draw(MAKERS[name](narrower, 0), 1000, Phase(1), before)
        assert {r.assignment for r in records} >= set(owed(name, narrower, points))
        assert len({r.assignment for r in records}) == len(records)
        assert all(r.assignment in points for r in records[30:])

    def test_a_space_too_large_to_list(self, name: str) -> None:
        records = draw(MAKERS[name](make_space(choices=[10] * 30), 0), 15)  # 10³⁰ points
        assert len({r.assignment for r in records}) == 15

    def test_a_negative_seed_is_a_problem(self, name: str) -> None:
        with pytest.raises(ProblemError, match="seed -1 is negative"):
            MAKERS[name](WIDE, -1)

    def test_seeds_differ(self, name: str) -> None:
        if name == "lexicographic":
            pytest.skip("knows no chance")
        drawn = [as_json(draw(MAKERS[name](WIDE, seed), 12)) for seed in range(4)]
        assert len(set(drawn)) == 4


def test_an_unknown_sampler_is_a_problem() -> None:
    with pytest.raises(
        ProblemError, match="no sampler is called 'stratifed' — did you mean stratified"
    ):
        make_sampler("stratifed", WIDE, 0)


def test_the_room_imports_neither_torch_nor_optuna() -> None:
    assert not loaded_by("import nas.sample") & {"torch", "optuna", "ray"}
