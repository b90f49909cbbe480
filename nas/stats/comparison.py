"""Is one set of results better than another? Differences of means with 95 % t intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CONFIDENCE = 0.95
FEWEST = 3
"""Results below which there is no interval."""


@dataclass(frozen=True)
class Difference:
    """The mean of A less that of B. NaN where it cannot be estimated."""

    mean: float
    low: float
    high: float
    """Its 95 % interval; NaN below FEWEST results, or pairs."""
    n_a: int
    n_b: int
    """How many results, of pairs how many pairs."""


def paired_difference(a: Floats, b: Floats) -> Difference:
    """Of results that belong together one by one, `(n,)` each: a t interval on a − b.

    What both of a pair share, the luck in their data split and how hard their candidate is to
    train, drops out.
    """
    difference = np.asarray(a, dtype=float) - np.asarray(b, dtype=float)
    n = len(difference)
    mean = float(difference.mean()) if n else float("nan")
    if n < FEWEST:
        return Difference(mean, float("nan"), float("nan"), n, n)
    half = _quantile(n - 1) * float(difference.std(ddof=1)) / n**0.5
    return Difference(mean, mean - half, mean + half, n, n)


def unpaired_difference(a: Floats, b: Floats) -> Difference:
    """Of results that do not belong together, `(n_a,)` and `(n_b,)`: Welch's interval, for unequal
    variances, with Satterthwaite's degrees of freedom."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    mean = float(a.mean() - b.mean()) if len(a) and len(b) else float("nan")
    if min(len(a), len(b)) < FEWEST:
        return Difference(mean, float("nan"), float("nan"), len(a), len(b))
    of_a, of_b = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    variance = float(of_a + of_b)
    if variance == 0:
        return Difference(mean, mean, mean, len(a), len(b))
    freedom = variance**2 / float(of_a**2 / (len(a) - 1) + of_b**2 / (len(b) - 1))
    half = _quantile(freedom) * variance**0.5
    return Difference(mean, mean - half, mean + half, len(a), len(b))


def _quantile(freedom: float) -> float:
    """Student's t, two-sided."""
    from scipy.special import stdtrit  # scipy.stats takes longer to load

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
