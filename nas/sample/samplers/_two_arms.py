"""What samplers with two arms share: mixtures that are chosen, and a control sample beside them."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import ClassVar

import numpy as np

from nas.sample.grid import Point
from nas.sample.samplers.stratified import StratifiedSampler
from nas.schema import Assignment, ExpertChoice

Mixture = tuple[tuple[int, ...], tuple[int, ...]]
"""A subset of families, and which member stands for each."""


class TwoArmSampler(StratifiedSampler):
    """The control arm is balanced by itself, as a stratified campaign's prefix is, and never draws
    a chosen mixture; the chosen arm takes for each the settings it has had least."""

    can_prefer: ClassVar[bool] = False

    def _reset(self) -> None:
        super()._reset()
        self._settings: Counter[tuple[int, int]] = Counter()
        """(choice, value) → how often the chosen arm had it."""

    def _mixtures(self, wanted: Iterable[Sequence[ExpertChoice]]) -> Iterator[Mixture | None]:
        """Each of them; None for one that the space lacks."""
        for picks in wanted:
            levels = self.grid.levels(Assignment(picks=tuple(picks)))
            whole = len(levels.families) == self.grid.k == len(picks)
            yield (levels.families, levels.members) if whole else None

    def _mixture(self, point: Point | None) -> Mixture | None:
        return (point.subset, point.digits[: self.grid.k]) if point else None

    def _withhold(self, mixture: Mixture) -> None:
        """To the control arm it is as if drawn, with all settings."""
        families, members = mixture
        every = product(*map(range, self.grid.widths))
        self._drawn[families].update((*members, *values) for values in every)
        self._used[list(families)] += self.grid.settings

    def _count_settings(self, point: Point) -> None:
        self._settings.update(enumerate(point.digits[self.grid.k :]))

    def _with_settings(self, mixture: Mixture, rng: np.random.Generator) -> Point:
        """For each choice the value that the chosen arm has had least, at random among equals."""
        families, members = mixture
        found = []
        for axis, width in enumerate(self.grid.widths):
            counts = np.array([self._settings[axis, value] for value in range(width)])
            found.append(int(rng.choice(np.flatnonzero(counts == counts.min()))))
        return Point(families, (*members, *found))
