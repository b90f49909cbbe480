"""Least squares with intervals that hold under unequal noise."""

from dataclasses import dataclass
from math import ceil

import numpy as np

from nas.stats.comparison import CONFIDENCE
from nas.stats.observations import Floats

SPARE = 3
"""The smallest number of residual degrees of freedom for an interval."""


@dataclass(frozen=True)
class Slope:
    """One coefficient; NaN if it cannot be estimated."""

    value: float
    low: float
    high: float
    """95 % interval."""
    results: int
    """The number of results behind it."""

    def results_needed(self, half_width: float) -> int | None:
        """About how many results such an interval needs to have this half-width, if they are like
        those there are; None if there is no interval."""
        half = (self.high - self.low) / 2
        if not np.isfinite(half):
            return None
        return max(1, ceil(self.results * (half / half_width) ** 2))


def slopes(design: Floats, values: Floats) -> list[Slope]:
    """The coefficients of the columns of a design `(n, p)` for values `(n,)`, least squares with an
    intercept.

    HC3 standard errors (MacKinnon and White 1985) and a t distribution with n − p − 1 degrees of
    freedom. NaN for a column that the others determine, and without SPARE degrees of freedom.
    """
    n, p = design.shape
    full = np.column_stack([np.ones(n), design])
    missing = Slope(float("nan"), float("nan"), float("nan"), n)
    if n - p - 1 < SPARE or np.linalg.matrix_rank(full) < p + 1:
        return [missing] * p
    inverse = np.linalg.inv(full.T @ full)
    beta = inverse @ full.T @ values
    residuals = values - full @ beta
    leverage = np.einsum("ij,jk,ik->i", full, inverse, full)
    weighted = full * (residuals / (1 - np.minimum(leverage, 1 - 1e-12)))[:, None]
    error = np.sqrt(np.diag(inverse @ (weighted.T @ weighted) @ inverse))
    from scipy.special import stdtrit  # scipy.stats takes longer to load

    half = stdtrit(n - p - 1, (1 + CONFIDENCE) / 2) * error
    return [
        Slope(float(b), float(b - h), float(b + h), n)
        for b, h in zip(beta[1:], half[1:], strict=True)
    ]
