"""What every sampler promises, and the memory they share."""

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

    A proposal is a function of (space, seed, records, phase) alone: an instance that has proposed
    before, a new one, and one in another process give the same. What an instance keeps is a fold
    over the records, forgotten when records come that do not continue those it has folded.

    A point that stands among the records, whatever its phase or status, is never proposed; a
    sampler goes on until every point that the phase allows is drawn.
    """

    name: ClassVar[str]
    """That of its file."""
    uses_results: ClassVar[bool] = False
    """False where proposals depend on which points were drawn, and not on how they ended."""
    selection_bias: ClassVar[str] = ""
    """What it draws more of than chance would, and why; empty where nothing."""
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
        """Why its draws need not be fair, in words; empty where they are."""
        return f"{cls.name} favours {cls.selection_bias}" if cls.selection_bias else ""

    @final
    def propose(self, records: Sequence[Record], phase: Phase = FIRST) -> Assignment | None:
        """The next point to draw, or None where the phase has no undrawn one.

        `records` holds the campaign's draws in the order of their numbers, from the first on.
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
        """Drops what `_learn` gathered."""

    def _observe(self, record: Record, point: Point | None) -> None:  # noqa: B027 (optional)
        """Folds one more record in; `point` is None for one outside the space.

        A record's status and value may still change after this, so they are not to be kept.
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
        """Whether the first of `records` are those already folded."""
        old = records[: len(self._points)]
        if self._phases != list(map(attrgetter("phase"), old)):
            return False
        new = list(map(attrgetter("assignment"), old))
        # Where the caller kept its records, thousands are checked in a fraction of a millisecond.
        return all(map(is_, self._assignments, new)) or all(map(_same, self._assignments, new))


def _same(a: Assignment, b: Assignment) -> bool:
    # repr too: equality takes the settings 1, 1.0 and True for one another.
    return a is b or (a == b and repr(a.choices) == repr(b.choices))
