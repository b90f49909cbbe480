"""The interface of samplers, and the state that all of them keep."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from operator import attrgetter, is_
from typing import ClassVar, final

import numpy as np

from nas.sample.grid import Grid, Point
from nas.schema import Assignment, Phase, ProblemError, Record, Space

FIRST = Phase()


class Sampler(ABC):
    """Proposes points of a space.

    A proposal is a function of (space, seed, records, phase) only: any instance, in any process,
    returns the same. The state of an instance is computed from the records it has seen, and reset
    if it is called with records that do not continue them.

    A point among the records, whatever its phase or status, is never proposed again. A sampler
    proposes until every point that the phase allows is drawn.
    """

    name: ClassVar[str]
    """The name of its file, with hyphens."""
    uses_results: ClassVar[bool] = False
    """Whether proposals depend on the results of draws, and not only on which points were drawn."""
    selection_bias: ClassVar[str] = ""
    """What it draws more often than chance would; empty if nothing."""
    can_prefer: ClassVar[bool] = False
    """Whether families that a phase prefers are drawn more often."""

    def __init_subclass__(cls) -> None:
        cls.name = cls.__module__.rpartition(".")[2].replace("_", "-")

    def __init__(self, space: Space, seed: int) -> None:
        """Raises ProblemError for a negative seed."""
        if seed < 0:
            raise ProblemError(f"seed {seed} is negative", fix="give a seed of 0 or more")
        self.space = space
        self.seed = seed
        self.grid = Grid(space)
        self._start()

    @classmethod
    def bias(cls) -> str:
        """Why its draws need not be fair, in words; empty if they are."""
        return f"{cls.name} favours {cls.selection_bias}" if cls.selection_bias else ""

    @final
    def propose(self, records: Sequence[Record], phase: Phase = FIRST) -> Assignment | None:
        """The next point to draw; None if the phase has no undrawn point.

        `records`: all of the campaign's draws, in the order of their numbers.
        """
        self._replay(records)
        eligible = self.grid.eligible(phase.excluded)
        if len(eligible) < self.grid.k:
            return None
        entropy = [self.seed, len(records), *self.name.encode()]
        rng = np.random.default_rng(np.random.SeedSequence(entropy))
        point = self._choose(records, phase, eligible, rng)
        return None if point is None else self.grid.decode(point)

    @abstractmethod
    def _choose(
        self,
        records: Sequence[Record],
        phase: Phase,
        eligible: tuple[int, ...],
        rng: np.random.Generator,
    ) -> Point | None:
        """The next point, from the k or more `eligible` families; None if none is left."""

    def _reset(self) -> None:  # noqa: B027 (optional)
        """Resets the state that `_observe` has built."""

    def _observe(self, record: Record, point: Point | None) -> None:  # noqa: B027 (optional)
        """Updates the state with one more record; `point` is None for a record outside the space.

        A record's status and value may change later, so they must not be kept.
        """

    def _replay(self, records: Sequence[Record]) -> None:
        if not self._continues(records):
            self._start()
        for record in records[len(self._points) :]:
            point = self.grid.encode(record.assignment)
            self._assignments.append(record.assignment)
            self._phases.append(record.phase)
            self._points.append(point)
            if point is not None:
                self._drawn[point.subset].add(point.digits)
            self._observe(record, point)

    def _start(self) -> None:
        self._assignments: list[Assignment] = []
        self._phases: list[int] = []
        self._points: list[Point | None] = []
        self._drawn: defaultdict[tuple[int, ...], set[tuple[int, ...]]] = defaultdict(set)
        self._reset()

    def _continues(self, records: Sequence[Record]) -> bool:
        """Whether `records` start with those already seen."""
        old = records[: len(self._points)]
        if self._phases != list(map(attrgetter("phase"), old)):
            return False
        new = list(map(attrgetter("assignment"), old))
        # Identical objects first: thousands of records take a fraction of a millisecond.
        return all(map(is_, self._assignments, new)) or all(map(_same, self._assignments, new))


def _same(a: Assignment, b: Assignment) -> bool:
    # Also by repr, because 1, 1.0 and True are equal in Python.
    return a is b or (a == b and repr(a.choices) == repr(b.choices))
