"""The base of samplers with two arms: chosen mixtures, and a control sample of the others."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import ClassVar

import numpy as np

from nas.sample.grid import Point
from nas.sample.samplers.stratified import StratifiedSampler
from nas.schema import Assignment, ExpertChoice

Mixture = tuple[tuple[int, ...], tuple[int, ...]]
"""A subset of families, and the index of each one's member."""


class TwoArmSampler(StratifiedSampler):
    """Draws a chosen arm and a control arm. The control arm is stratified by itself and never draws
    a chosen mixture. The chosen arm gives each mixture the settings that it has used least."""

    can_prefer: ClassVar[bool] = False

    def _reset(self) -> None:
        super()._reset()
        self._settings: Counter[tuple[int, int]] = Counter()
        """By (choice, value), the number of draws in the chosen arm."""

    def _mixtures(self, wanted: Iterable[Sequence[ExpertChoice]]) -> Iterator[Mixture | None]:
        """Each mixture as indices; None for one that is not in the space."""
        for picks in wanted:
            levels = self.grid.levels(Assignment(picks=tuple(picks)))
            whole = len(levels.families) == self.grid.k == len(picks)
            yield (levels.families, levels.members) if whole else None

    def _mixture(self, point: Point | None) -> Mixture | None:
        return (point.subset, point.digits[: self.grid.k]) if point else None

    def _withhold(self, mixture: Mixture) -> None:
        """Marks a mixture as drawn with all settings, so that the control arm does not draw it."""
        families, members = mixture
        every = product(*map(range, self.grid.widths))
        self._drawn[families].update((*members, *values) for values in every)
        self._used[list(families)] += self.grid.settings

    def _count_settings(self, point: Point) -> None:
        self._settings.update(enumerate(point.digits[self.grid.k :]))

    def _with_settings(self, mixture: Mixture, rng: np.random.Generator) -> Point:
        """A mixture with, for each choice, the value that the chosen arm has used least; ties are
        broken at random."""
        families, members = mixture
        found = []
        for axis, width in enumerate(self.grid.widths):
            counts = np.array([self._settings[axis, value] for value in range(width)])
            found.append(int(rng.choice(np.flatnonzero(counts == counts.min()))))
        return Point(families, (*members, *found))
