"""Is one set of results better than another? Differences of means with 95 % t intervals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CONFIDENCE = 0.95
FEWEST = 3
"""The smallest number of results for an interval."""
_NAN = float("nan")


@dataclass(frozen=True)
class Difference:
    """The mean of A minus that of B; NaN if it cannot be estimated."""

    mean: float
    low: float
    high: float
    """95 % interval; NaN for fewer than FEWEST results or pairs."""
    n_a: int
    n_b: int
    """Numbers of results, or both the number of pairs."""


def paired_difference(a: Floats, b: Floats) -> Difference:
    """For paired results, `(n,)` each: a t interval on a − b.

    What a pair shares cancels: chance in the data split, and the difficulty of the candidate.
    """
    difference = np.asarray(a, dtype=float) - np.asarray(b, dtype=float)
    n = len(difference)
    mean = float(difference.mean()) if n else float("nan")
    if n < FEWEST:
        return Difference(mean, float("nan"), float("nan"), n, n)
    half = _quantile(n - 1) * float(difference.std(ddof=1)) / n**0.5
    return Difference(mean, mean - half, mean + half, n, n)


def unpaired_difference(a: Floats, b: Floats) -> Difference:
    """For independent results, `(n_a,)` and `(n_b,)`: Welch's interval for unequal variances (Welch
    1947), with Satterthwaite's degrees of freedom."""
    return difference_of_cells([a], [b])


@dataclass(frozen=True)
class CellMean:
    """The mean of the means of cells that were chosen, not drawn at random: each counts equally,
    however many results it has, and differences between cells are no chance.

    Its squared standard error is Σ s²/n / V² over V cells, each with its own variance s² of n
    results; degrees of freedom are Satterthwaite's over cells.
    """

    mean: float
    """Of the cells with a result; NaN if there is none."""
    low: float
    high: float
    """95 % interval; NaN where a cell has fewer than two results, or all together fewer than
    FEWEST − 1 more than there are cells."""
    results: int
    complete: bool
    """Whether the mean can be compared: the only cell has a result, or each of several has two."""
    variance: float
    """The squared standard error; NaN where there is no interval."""
    spread: float
    """Σ v²/(n − 1), v a cell's part of the variance: variance² over it is degrees of freedom."""

    @classmethod
    def of(cls, cells: Sequence[Floats]) -> Self:
        """From the results of each cell, `(n,)`, some of which may have none."""
        sizes = [len(cell) for cell in cells]
        fewest = min(sizes, default=0)
        mean = float(np.mean([cell.mean() for cell in cells if len(cell)])) if any(sizes) else _NAN
        variance = spread = _NAN
        if fewest >= 2 and sum(sizes) - len(sizes) >= FEWEST - 1:
            parts = [float(cell.var(ddof=1)) / len(cell) / len(cells) ** 2 for cell in cells]
            variance = sum(parts)
            spread = sum(v**2 / (n - 1) for v, n in zip(parts, sizes, strict=True))
        half = _half_width(variance, spread)
        complete = fewest >= min(2, len(cells))
        return cls(mean, mean - half, mean + half, sum(sizes), complete, variance, spread)


def difference_of_cells(a: Sequence[Floats], b: Sequence[Floats]) -> Difference:
    """The mean of the cells' means of A minus that of B, see `CellMean`; independent results.

    NaN while one of several cells has fewer than two results: it would depend on which are done.
    """
    of_a, of_b = CellMean.of(a), CellMean.of(b)
    mean = of_a.mean - of_b.mean if of_a.complete and of_b.complete else _NAN
    half = _half_width(of_a.variance + of_b.variance, of_a.spread + of_b.spread)
    return Difference(mean, mean - half, mean + half, of_a.results, of_b.results)


def _half_width(variance: float, spread: float) -> float:
    """Half of a t interval, for a squared standard error that has variance²/spread degrees of
    freedom."""
    if not variance:
        return 0.0
    return _quantile(variance**2 / spread) * float(variance**0.5)


def _quantile(freedom: float) -> float:
    """The two-sided quantile of Student's t."""
    from scipy.special import stdtrit  # scipy.stats takes longer to load

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
