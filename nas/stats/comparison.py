"""Is one set of results better than another? Differences of means with 95 % t intervals."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
CONFIDENCE = 0.95
FEWEST = 3
"""The smallest number of results for an interval."""


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
    """The two-sided quantile of Student's t."""
    from scipy.special import stdtrit  # scipy.stats takes longer to load

    return float(stdtrit(freedom, (1 + CONFIDENCE) / 2))
