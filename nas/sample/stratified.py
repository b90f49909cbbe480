"""Balanced random sampling: every prefix of a phase covers families and pairs evenly."""

from collections.abc import Sequence
from typing import ClassVar

import numpy as np

from nas.sample.base import Sampler
from nas.sample.cells import level_cell
from nas.sample.grid import Point
from nas.sample.ranks import points_with
from nas.sample.subsets import level_subsets
from nas.sample.tally import Tally
from nas.spec import Phase, Record

_WIDTH = 32
"""Subsets the search keeps; a wider one is slower and no more level."""


class Stratified(Sampler):
    """Draws what was drawn least, and at random among equals.

    Within a phase, after any number of draws, over the families that are not excluded: family
    counts differ by at most 1, members of a family by at most 1, values of a choice by at most 1,
    and pairs of families by what a beam search can do (within 2 at 1,146 draws of 4 of 29).
    Values are spread over families, and over each other, as evenly as that allows. Where drawn
    points leave no such draw, families come before members and values, and those before pairs;
    a family whose every point is drawn no longer counts.
    """

    name: ClassVar[str] = "stratified"

    def _forget(self) -> None:
        self._tallies: dict[int, Tally] = {}
        self._totals: dict[tuple[int, ...], dict[int, int]] = {}
        self._used = np.zeros(len(self.grid.families), dtype=np.int64)

    def _learn(self, record: Record, point: Point | None) -> None:
        if record.phase not in self._tallies:
            self._tallies[record.phase] = Tally(self.grid)
        self._tallies[record.phase].add(self.grid.levels(record.assignment))
        if point is not None:
            self._used[list(point.subset)] += 1

    def _choose(
        self,
        records: Sequence[Record],
        phase: Phase,
        eligible: tuple[int, ...],
        rng: np.random.Generator,
    ) -> Point | None:
        tally = self._tallies.get(phase.number) or Tally(self.grid)
        if self.grid.k == 0:
            return self._fill([()], tally, rng)
        families = np.array(self._open(eligible), dtype=np.int64)
        if families.size == 0:
            return None
        counts = tally.pairs.diagonal()[families]
        pairs = tally.pairs[np.ix_(families, families)]
        width = _WIDTH
        while True:
            found = level_subsets(counts, pairs, self.grid.k, width, rng)
            subsets = [tuple(row) for row in families[found.subsets].tolist()]
            open_ = [i for i, subset in enumerate(subsets) if self._is_open(subset)]
            if open_:
                best = found.imbalance[open_[0]]
                return self._fill(
                    [subsets[i] for i in open_ if found.imbalance[i] == best], tally, rng
                )
            width *= 8  # a subset is exhausted by draws, so few widenings pass all that are

    def _fill(
        self, subsets: Sequence[tuple[int, ...]], tally: Tally, rng: np.random.Generator
    ) -> Point | None:
        """The first of equally balanced subsets whose members and values can be balanced too."""
        best: tuple[int, Point] | None = None
        for subset in subsets:
            if not self._is_open(subset):
                continue
            cell = level_cell(self.grid, tally, subset, self._drawn.get(subset, ()), rng)
            if best is None or cell.excess < best[0]:
                best = cell.excess, Point(subset, cell.digits)
            if cell.excess == 0:
                break
        return best[1] if best else None

    def _is_open(self, subset: tuple[int, ...]) -> bool:
        return len(self._drawn.get(subset, ())) < self.grid.cells(subset)

    def _open(self, eligible: tuple[int, ...]) -> tuple[int, ...]:
        """The eligible families that stand in an undrawn point of eligible families."""
        if eligible not in self._totals:
            self._totals[eligible] = points_with(self.grid, eligible)
        totals = self._totals[eligible]
        # _used counts draws beside families that are not eligible too: an upper bound, which in
        # all but small spaces settles the question.
        suspects = {f for f in eligible if self._used[f] >= totals[f]}
        used = dict.fromkeys(suspects, 0)
        if suspects:
            allowed = set(eligible)
            for subset, cells in self._drawn.items():
                if allowed.issuperset(subset):
                    for family in suspects.intersection(subset):
                        used[family] += len(cells)
        return tuple(f for f in eligible if f not in suspects or used[f] < totals[f])
