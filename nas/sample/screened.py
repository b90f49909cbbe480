"""A screen's choice and, beside it, a control sample that the screen did not choose."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from typing import ClassVar

import numpy as np

from nas.sample.grid import Point
from nas.sample.stratified import Stratified
from nas.spec import Assignment, Phase, Pick, Record, Space

Mixture = tuple[tuple[int, ...], tuple[int, ...]]
"""A subset of families, and which member stands for each."""


class Screened(Stratified):
    """Draws chosen mixtures, best first, in turn with stratified draws from all others.

    So both arms grow alike, and what the screen foretold can be held against what came. The control
    arm is balanced by itself, as a stratified campaign's prefix is; the chosen arm takes for each
    mixture the settings it has had least. Once every chosen mixture is drawn only the control arm
    goes on; other settings of chosen mixtures are never drawn.
    """

    name: ClassVar[str] = "screen"
    favours: ClassVar[str] = "what the screen scored best"
    can_prefer: ClassVar[bool] = False

    def __init__(self, space: Space, seed: int, chosen: Sequence[Sequence[Pick]] = ()) -> None:
        """`chosen`: mixtures of the space, best first; others are passed over."""
        self._wanted = chosen
        super().__init__(space, seed)

    def _forget(self) -> None:
        super()._forget()
        self._chosen: dict[Mixture, bool] = {}
        """In order; whether it is drawn."""
        self._settings: Counter[tuple[int, int]] = Counter()
        self._drawn_chosen = 0
        for mixture in self._mixtures(self._wanted):
            self._chosen[mixture] = False
            self._withhold(mixture)

    def _learn(self, record: Record, point: Point | None) -> None:
        mixture = self._mixture(point)
        if point is None or mixture not in self._chosen:
            super()._learn(record, point)
            return
        self._chosen[mixture] = True
        self._drawn_chosen += 1
        self._settings.update(enumerate(point.digits[self.grid.k :]))

    def _choose(
        self,
        records: Sequence[Record],
        phase: Phase,
        eligible: tuple[int, ...],
        rng: np.random.Generator,
    ) -> Point | None:
        if 2 * self._drawn_chosen <= len(records):
            allowed = set(eligible)
            for (families, members), drawn in self._chosen.items():
                if not drawn and allowed.issuperset(families):
                    return Point(families, (*members, *self._least(rng)))
        return super()._choose(records, phase, eligible, rng)

    def _mixtures(self, wanted: Iterable[Sequence[Pick]]) -> Iterator[Mixture]:
        """Those of them that the space has."""
        for picks in wanted:
            levels = self.grid.levels(Assignment(picks=tuple(picks)))
            if len(levels.families) == self.grid.k == len(picks):
                yield levels.families, levels.members

    def _mixture(self, point: Point | None) -> Mixture | None:
        return (point.subset, point.digits[: self.grid.k]) if point else None

    def _withhold(self, mixture: Mixture) -> None:
        """To the control arm it is as if drawn, with all settings."""
        families, members = mixture
        every = product(*map(range, self.grid.widths))
        self._drawn[families].update((*members, *values) for values in every)
        self._used[list(families)] += self.grid.settings

    def _least(self, rng: np.random.Generator) -> list[int]:
        """For each choice the value that the chosen arm has had least, at random among equals."""
        found = []
        for axis, width in enumerate(self.grid.widths):
            counts = np.array([self._settings[axis, value] for value in range(width)])
            found.append(int(rng.choice(np.flatnonzero(counts == counts.min()))))
        return found
