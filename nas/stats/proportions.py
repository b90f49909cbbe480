"""Shares of trials that succeeded, with 95 % intervals."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def wilson(successes: Floats, trials: Floats) -> tuple[Floats, Floats]:
    """Wilson's score intervals (1927, doi 10.1080/01621459.1927.10502953) of rates, from counts
    `(n,)`: low and high, NaN where there are no trials."""
    from scipy.special import ndtri  # scipy.stats takes longer to load

    n = np.where(trials > 0, trials, np.nan)
    rate, z = successes / n, float(ndtri(0.975))
    middle = (rate + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * np.sqrt(rate * (1 - rate) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    # At no or all successes one end is exact, less the rounding of the formula.
    low = np.where(successes == 0, 0.0, (middle - half).clip(min=0.0))
    high = np.where(successes == trials, 1.0, (middle + half).clip(max=1.0))
    return np.where(np.isnan(n), np.nan, low), np.where(np.isnan(n), np.nan, high)
