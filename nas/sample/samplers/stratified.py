"""Balanced random sampling: every prefix of a phase covers families and pairs evenly."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nas.sample.base import Sampler
from nas.sample.grid import Point
from nas.sample.least_drawn import least_drawn_combination
from nas.sample.pair_counts import DrawCounts
from nas.sample.ranks import combinations_with
from nas.sample.subsets import level_subsets
from nas.schema import Phase, Record

_WIDTH = 32
"""Subsets the search keeps; a wider one is slower and no more level."""


class StratifiedSampler(Sampler):
    """Draws what was drawn least, and at random among equals.

    Within a phase, after any number of draws, over the families that are not excluded: family
    counts differ by at most 1, members of a family by at most 1, values of a choice by at most 1,
    and pairs of families by what a beam search can do (within 2 at 1,146 draws of 4 of 29).
    Values are spread over families, and over each other, as evenly as that allows. Where drawn
    points leave no such draw, families come before members and values, and those before pairs;
    a family whose every point is drawn no longer counts.

    A preferred family's draw weighs half of another's, so level weights draw it twice as often.
    """

    can_prefer: ClassVar[bool] = True

    def _reset(self) -> None:
        self._tallies: dict[int, DrawCounts] = {}
        self._totals: dict[tuple[int, ...], dict[int, int]] = {}
        self._used = np.zeros(len(self.grid.families), dtype=np.int64)

    def _observe(self, record: Record, point: Point | None) -> None:
        if record.phase not in self._tallies:
            self._tallies[record.phase] = DrawCounts(self.grid)
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
        tally = self._tallies.get(phase.number) or DrawCounts(self.grid)
        if self.grid.k == 0:
            return self._first([((), 0.0)], {}, {}, tally, rng)
        families = self._open(eligible)
        if not families:
            return None
        index = np.array(families)
        weight = self._weights(index, phase)
        counts = tally.pairs.diagonal()[index] * weight
        pairs = tally.pairs[np.ix_(index, index)] * np.outer(weight, weight)
        count = dict(zip(families, counts.tolist(), strict=True))
        added = dict(zip(families, weight.tolist(), strict=True))
        width = _WIDTH
        while True:
            found = level_subsets(counts, pairs, self.grid.k, width, rng)
            subsets = map(tuple, index[found.subsets].tolist())
            ranked = zip(subsets, found.imbalance, strict=True)
            point = self._first(ranked, count, added, tally, rng)
            if point is not None:
                return point
            width *= 8  # a subset is exhausted by draws, so few widenings pass all that are

    def _first(
        self,
        ranked: Iterable[tuple[tuple[int, ...], float]],
        count: dict[int, int],
        added: dict[int, int],
        tally: DrawCounts,
        rng: np.random.Generator,
    ) -> Point | None:
        """Of (subset, imbalance), the best first: one that can balance members and values too.

        Nor may it strand families. Without such a subset, that of least imbalance which comes
        nearest; None where every one is exhausted.

        Args:
            count: draws of each family, times `added`.
            added: what one more draw adds to that.
        """
        best: tuple[float, tuple[bool, int], Point] | None = None
        for subset, imbalance in ranked:
            if best is not None and imbalance > best[0]:
                break
            if self._exhausted(subset):
                continue
            taken = self._drawn.get(subset, set())
            cell = least_drawn_combination(self.grid, tally, subset, taken, rng)
            fault = (self._strands(subset, count, added), cell.excess)
            if best is None or fault < best[1]:
                best = imbalance, fault, Point(subset, cell.digits)
            if fault == (False, 0):
                break
        return best[2] if best else None

    def _strands(
        self, subset: tuple[int, ...], count: dict[int, int], added: dict[int, int]
    ) -> bool:
        """Whether the next draw could not take all the families that this one leaves behind.

        It should where they are k or fewer, and cannot where all subsets that hold them are
        exhausted.
        """
        after = {family: n + added[family] * (family in subset) for family, n in count.items()}
        lowest = min(after.values(), default=0)
        behind = [family for family, n in after.items() if n == lowest]
        if len(behind) > self.grid.k:
            return False
        others = [family for family, n in after.items() if n > lowest]
        return all(
            self._exhausted(tuple(sorted((*behind, *rest))))
            for rest in combinations(others, self.grid.k - len(behind))
        )

    def _weights(self, families: NDArray[np.int64], phase: Phase) -> NDArray[np.int64]:
        """(n,) what a draw of each family counts: 1, or where some are preferred, 2 for others."""
        preferred = np.array([self.grid.families[f] in phase.preferred for f in families])
        return np.where(preferred | ~preferred.any(), 1, 2)

    def _exhausted(self, subset: tuple[int, ...]) -> bool:
        return len(self._drawn.get(subset, ())) == self.grid.cells(subset)

    def _open(self, eligible: tuple[int, ...]) -> tuple[int, ...]:
        """The eligible families that stand in an undrawn point of eligible families."""
        if eligible not in self._totals:
            self._totals[eligible] = combinations_with(self.grid, eligible)
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
