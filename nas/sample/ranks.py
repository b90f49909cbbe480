"""Numbers the points of a space, so that points can be drawn without listing them."""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from nas.sample.grid import Grid, Point
from nas.schema.symmetric import divided, symmetric, times


class Ranks:
    """Numbers the points over some of a grid's families from 0 to `total` - 1.

    The order is lexicographic: by subset as in `itertools.combinations`, then by members, then by
    the values of the choices, the last choice fastest. Let w(f) be the number of members of family
    f. The subsets of r families from position j on have e_r(j) combinations of members, the
    elementary symmetric polynomial of their w (nas.schema.symmetric). So the number of points
    before a subset is a sum of differences e_r(a) - e_r(c).
    """

    def __init__(self, grid: Grid, eligible: Sequence[int]) -> None:
        self._grid = grid
        self._eligible = eligible
        self._position = {family: position for position, family in enumerate(eligible)}
        # _below[r][j] = e_r(0) - e_r(j) ascends with j, which bisection needs.
        n, k = len(eligible), grid.k
        suffixes = [symmetric((), k)]  # of the families from position j on, the last j first
        for j in reversed(range(n)):
            suffixes.append(times(suffixes[-1], grid.sizes[eligible[j]]))
        every = suffixes[n]
        self._below = [[every[r] - e[r] for e in reversed(suffixes)] for r in range(k + 1)]
        self.total = every[k] * grid.settings

    def rank(self, point: Point) -> int | None:
        """The point's number; None if one of its families is not eligible."""
        grid = self._grid
        rank, prefix, start = 0, 1, 0
        for left, family in zip(range(grid.k, 0, -1), point.subset, strict=True):
            position = self._position.get(family)
            if position is None:
                return None
            rank += prefix * (self._below[left][position] - self._below[left][start])
            prefix *= grid.sizes[family]
            start = position + 1
        cell = 0
        for digit, base in zip(point.digits, self._bases(point.subset), strict=True):
            cell = cell * base + digit
        return rank * grid.settings + cell

    def unrank(self, rank: int) -> Point:
        """The point with a number in [0, total)."""
        grid = self._grid
        left_over, setting = divmod(rank, grid.settings)
        subset: list[int] = []
        prefix, start = 1, 0
        for left in range(grid.k, 0, -1):
            below = self._below[left]
            position = bisect_right(below, below[start] + left_over // prefix, lo=start) - 1
            left_over -= prefix * (below[position] - below[start])
            subset.append(self._eligible[position])
            prefix *= grid.sizes[self._eligible[position]]
            start = position + 1
        cell = left_over * grid.settings + setting
        digits: list[int] = []
        for base in reversed(self._bases(subset)):
            cell, digit = divmod(cell, base)
            digits.append(digit)
        return Point(tuple(subset), tuple(reversed(digits)))

    def _bases(self, subset: Sequence[int]) -> list[int]:
        return [self._grid.sizes[family] for family in subset] + self._grid.widths


class RemainingPoints:
    """The undrawn points over some families, indexed by their order."""

    def __init__(self, grid: Grid, eligible: Sequence[int]) -> None:
        self._ranks = Ranks(grid, eligible)
        self._drawn: list[int] = []  # ascending
        self._folded = 0

    def fold(self, points: Sequence[Point | None]) -> None:
        """Marks as drawn the points that were appended to `points` since the last call."""
        for point in points[self._folded :]:
            rank = None if point is None else self._ranks.rank(point)
            if rank is not None:
                at = bisect_left(self._drawn, rank)
                if self._drawn[at : at + 1] != [rank]:
                    self._drawn.insert(at, rank)
        self._folded = len(points)

    @property
    def left(self) -> int:
        """Number of undrawn points."""
        return self._ranks.total - len(self._drawn)

    def at(self, order: int) -> Point:
        """The undrawn point with this index among the undrawn ones; 0 ≤ order < left."""
        # _drawn[i] - i undrawn ranks come before _drawn[i]; this never descends with i.
        skipped = bisect_right(range(len(self._drawn)), order, key=lambda i: self._drawn[i] - i)
        return self._ranks.unrank(order + skipped)


def combinations_with(grid: Grid, eligible: Sequence[int]) -> dict[int, int]:
    """For each eligible family, the number of points over the eligible families that contain it:
    w(f) · e_{k-1}(the other families) · settings; see nas.schema.symmetric.
    """
    every = symmetric([grid.sizes[family] for family in eligible], grid.k)
    points = {}
    for family in eligible:
        size = grid.sizes[family]
        points[family] = size * divided(every, size)[grid.k - 1] * grid.settings if grid.k else 0
    return points
