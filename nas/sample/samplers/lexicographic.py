"""The order of draws in the published campaign, for comparison."""

from collections.abc import Iterator, Sequence
from itertools import combinations, count

import numpy as np

from nas.sample.base import Sampler
from nas.sample.grid import Grid, Point
from nas.schema import Phase, Record


class LexicographicSampler(Sampler):
    """`itertools.combinations` over the sorted families, one model a subset.

    The published campaign had a single model per quartet. If a subset has several models, by its
    members and choices, the first sweep draws the first model of every subset, the next sweep the
    second, and so on. So n draws cover as many subsets as in the published campaign. The seed has
    no effect.
    """

    def _reset(self) -> None:
        self._walks: dict[tuple[int, ...], Iterator[Point]] = {}
        self._next: dict[tuple[int, ...], Point | None] = {}

    def _choose(
        self,
        records: Sequence[Record],
        phase: Phase,
        eligible: tuple[int, ...],
        rng: np.random.Generator,
    ) -> Point | None:
        if eligible not in self._walks:
            self._walks[eligible] = sweeps(self.grid, eligible)
            self._next[eligible] = next(self._walks[eligible], None)
        # Points before the current one stay drawn, so the iterator never has to go back.
        point = self._next[eligible]
        while point is not None and point.digits in self._drawn.get(point.subset, ()):
            point = next(self._walks[eligible], None)
        self._next[eligible] = point
        return point


def sweeps(grid: Grid, eligible: Sequence[int]) -> Iterator[Point]:
    """Every point over the eligible families once: each subset's first, then each's second, …"""
    for sweep in count():
        found = False
        for subset in combinations(eligible, grid.k):
            cell = sweep
            digits: list[int] = []
            for base in reversed([grid.sizes[family] for family in subset] + grid.widths):
                cell, digit = divmod(cell, base)
                digits.append(digit)
            if cell == 0:
                found = True
                yield Point(subset, tuple(reversed(digits)))
        if not found:
            return
