"""What every sampler promises, and the memory they share."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from typing import ClassVar, final

import numpy as np

from nas.sample.grid import Grid, Point
from nas.spec import Assignment, Phase, ProblemError, Record, Space

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
    uses_results: ClassVar[bool] = False
    """False where proposals depend on which points were drawn, and not on how they ended."""

    def __init__(self, space: Space, seed: int) -> None:
        """Raises ProblemError for a negative seed."""
        if seed < 0:
            raise ProblemError(f"seed {seed} is negative", fix="give a seed of 0 or more")
        self.space = space
        self.seed = seed
        self.grid = Grid(space)
        self._folded: list[tuple[Assignment, int]] = []
        self._points: list[Point | None] = []
        self._drawn: dict[tuple[int, ...], set[tuple[int, ...]]] = {}
        self._forget_all()

    @final
    def propose(self, records: Sequence[Record], phase: Phase = FIRST) -> Assignment | None:
        """The next point to draw, or None where the phase has no undrawn one.

        `records` holds the campaign's draws in the order of their numbers, from the first on.
        """
        self._fold(records)
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

    def _forget(self) -> None:
        """Drops what `_learn` gathered."""

    def _learn(self, record: Record, point: Point | None) -> None:
        """Folds one more record in; `point` is None for one outside the space.

        A record's status and value may still change after this, so they are not to be kept.
        """

    def _forget_all(self) -> None:
        self._folded = []
        self._points = []
        self._drawn = defaultdict(set)
        self._forget()

    def _fold(self, records: Sequence[Record]) -> None:
        if not self._continues(records):
            self._forget_all()
        for record in records[len(self._folded) :]:
            point = self.grid.encode(record.assignment)
            self._folded.append((record.assignment, record.phase))
            self._points.append(point)
            if point is not None:
                self._drawn[point.subset].add(point.digits)
            self._learn(record, point)

    def _continues(self, records: Sequence[Record]) -> bool:
        """Whether the first of `records` are those already folded."""
        if len(records) < len(self._folded):
            return False
        for (assignment, phase), record in zip(self._folded, records, strict=False):
            if record.phase != phase:
                return False
            # Identity first: it makes this check of thousands of records cost microseconds.
            # levels, because equality takes the settings 1, 1.0 and True for the same.
            if record.assignment is not assignment and (
                record.assignment != assignment
                or self.grid.levels(record.assignment) != self.grid.levels(assignment)
            ):
                return False
        return True
