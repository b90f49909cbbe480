"""Balanced random sampling: every prefix of a phase covers families and pairs evenly."""

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from nas.sample.base import Sampler
from nas.sample.draw_counts import DrawCounts
from nas.sample.grid import Point
from nas.sample.least_drawn import least_drawn_combination
from nas.sample.ranks import combinations_with
from nas.sample.subsets import level_subsets
from nas.schema import Phase, Record

_WIDTH = 32
"""Width of the beam search; a wider one is slower and not better balanced."""


class StratifiedSampler(Sampler):
    """Draws what was drawn least, with ties broken at random.

    Within a phase, after any number of draws, over the families that are not excluded: the counts
    of families differ by at most 1, as do those of a family's members and of a choice's values. The
    counts of pairs differ by as little as a beam search finds (at most 2 after 1,146 draws of 4 of
    29 families). Values are spread as evenly as possible over families and over each other. If no
    undrawn point meets all of this, families take precedence over members and values, and those
    over pairs; a family without undrawn points no longer counts.

    A draw of a preferred family counts half, so preferred families are drawn twice as often.
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
            width *= 8  # only as many subsets are exhausted as were drawn: few steps suffice

    def _first(
        self,
        ranked: Iterable[tuple[tuple[int, ...], float]],
        count: dict[int, int],
        added: dict[int, int],
        tally: DrawCounts,
        rng: np.random.Generator,
    ) -> Point | None:
        """A point of the first subset that keeps members and values balanced and strands no family.

        If there is no such subset, the point with the least fault among the subsets of least
        imbalance; None if all are exhausted.

        Args:
            ranked: (subset, imbalance), best first.
            count: weighted draws of each family.
            added: the weight of one draw of each family.
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
        """Whether, after drawing `subset`, the next draw could not contain all families that are
        then least drawn.

        Only checked if these are at most k families; it could not if all subsets with them are
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
        """(n,) weight of a draw of each family: 1, or 2 for the others if some are preferred."""
        preferred = np.array([self.grid.families[f] in phase.preferred for f in families])
        return np.where(preferred | ~preferred.any(), 1, 2)

    def _exhausted(self, subset: tuple[int, ...]) -> bool:
        return len(self._drawn.get(subset, ())) == self.grid.cells(subset)

    def _open(self, eligible: tuple[int, ...]) -> tuple[int, ...]:
        """The families that are in an undrawn point of eligible families only."""
        if eligible not in self._totals:
            self._totals[eligible] = combinations_with(self.grid, eligible)
        totals = self._totals[eligible]
        # _used also counts draws with families that are not eligible. This upper bound is enough
        # except in small spaces.
        suspects = {f for f in eligible if self._used[f] >= totals[f]}
        used = dict.fromkeys(suspects, 0)
        if suspects:
            allowed = set(eligible)
            for subset, cells in self._drawn.items():
                if allowed.issuperset(subset):
                    for family in suspects.intersection(subset):
                        used[family] += len(cells)
        return tuple(f for f in eligible if f not in suspects or used[f] < totals[f])
