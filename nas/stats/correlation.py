"""Rank correlations (Kendall 1945, Spearman 1904) with percentile bootstrap intervals (Efron 1979),
all resamples at once.

Let S be the signs of all differences of x, T those of y, and c the number of times that a resample
contains each observation. Kendall's τ-b is cᵀ(S∘T)c / √(cᵀ(S∘S)c · cᵀ(T∘T)c). Ranks, with ties
averaged and their mean subtracted, are Sc/2, so Spearman's ρ is Σ c(Sc)(Tc) / √(Σ c(Sc)² · Σ
c(Tc)²). An observation with weight w counts w times.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
RESAMPLES = 1000
_WORK = 2_000_000_000
"""Limit of resamples times pairs: fewer resamples are drawn for more pairs, but at least 100."""
FEWEST = 5


@dataclass(frozen=True)
class Correlation:
    """One coefficient in [−1, 1] with its interval; all NaN for fewer than FEWEST observations, or
    if x or y is constant."""

    estimate: float
    low: float
    high: float
    """95 % percentile interval over the resamples in which neither side is constant."""


def rank_correlations(
    x: ArrayLike,
    y: ArrayLike,
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    seed: int = 0,
) -> tuple[Correlation, Correlation]:
    """Kendall's τ-b and Spearman's ρ of `x` and `y`, `(n,)` each.

    `weights` `(n,)`: the number of observations that each represents, by default 1. `strata`
    `(n,)`: labels within which observations are resampled, by default one for all. `seed`: of the
    resamples.
    """
    a, b = (np.asarray(values, dtype=float) for values in (x, y))
    n = len(a)
    stands = np.ones(n) if weights is None else np.asarray(weights, dtype=float)
    labels = np.zeros(n) if strata is None else np.asarray(strata)
    if n < FEWEST or np.ptp(a) == 0 or np.ptp(b) == 0:
        unknown = Correlation(np.nan, np.nan, np.nan)
        return unknown, unknown
    signs = np.sign(a[:, None] - a), np.sign(b[:, None] - b)
    rng = np.random.default_rng(seed)
    resamples = max(100, min(RESAMPLES, _WORK // n**2))
    drawn = np.ones((1 + resamples, n))  # the first is the sample itself
    for label in np.unique(labels):
        mine = labels == label
        size = int(mine.sum())
        drawn[1:, mine] = rng.multinomial(size, np.full(size, 1 / size), size=resamples)
    kendall, spearman = _correlations(signs, drawn * stands)
    return _interval(kendall), _interval(spearman)


def _correlations(signs: tuple[Floats, Floats], counts: Floats) -> tuple[Floats, Floats]:
    """`(B, n)` counts → τ and ρ of each resample, `(B,)`."""
    s, t = signs
    rank_s, rank_t = counts @ s, counts @ t  # S is antisymmetric: the sign of both changes

    def pairs(of: Floats) -> Floats:
        total: Floats = ((counts @ of) * counts).sum(axis=1)
        return total

    def summed(of: Floats) -> Floats:
        total: Floats = (counts * of).sum(axis=1)
        return total

    with np.errstate(invalid="ignore"):  # 0/0 where a resample does not vary
        kendall = pairs(s * t) / np.sqrt(pairs(s * s) * pairs(t * t))
        spearman = summed(rank_s * rank_t) / np.sqrt(summed(rank_s**2) * summed(rank_t**2))
    return kendall, spearman


def _interval(values: Floats) -> Correlation:
    """From the estimate, the first value, and those of the resamples."""
    low, high = np.nanquantile(values[1:], (0.025, 0.975))
    return Correlation(float(values[0]), float(low), float(high))
