"""Least squares with intervals that hold under unequal noise."""

from dataclasses import dataclass
from math import ceil

import numpy as np

from nas.stats.comparison import CONFIDENCE
from nas.stats.observations import Floats

SPARE = 3
"""The smallest number of residual degrees of freedom for an interval."""
_EXACT = 1e-8
"""Tolerance where a share is exactly 0 or 1 but for rounding."""


@dataclass(frozen=True)
class Slope:
    """One coefficient; NaN if it cannot be estimated, and without an interval if its uncertainty
    cannot."""

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

    HC3 standard errors (MacKinnon and White 1985) and a t distribution with Satterthwaite's degrees
    of freedom (Bell and McCaffrey 2002): few, where few results decide an estimate.

    NaN for a column that the intercept and the others determine, and for all without SPARE
    residual degrees of freedom. No interval for an estimate that depends on a result of leverage 1,
    such as the only one of its level: it is fitted exactly, so nothing shows how much it varies.
    """
    n, p = design.shape
    full = np.column_stack([np.ones(n), design])
    u, singular, rows = np.linalg.svd(full, full_matrices=False)
    kept = singular > singular.max(initial=0.0) * max(full.shape) * np.finfo(float).eps
    rank = int(kept.sum())
    if n - rank < SPARE:
        return [Slope(float("nan"), float("nan"), float("nan"), n)] * p
    u, rows = u[:, kept], rows[kept]
    weights = (rows.T / singular[kept]) @ u.T  # (p + 1, n): estimates are linear in the values
    determined = np.einsum("ij,ij->j", rows, rows) < 1 - _EXACT
    beta = weights @ values
    leverage = np.einsum("ij,ij->i", u, u)
    alone = leverage > 1 - _EXACT
    growth = np.where(alone, 0.0, 1 / (1 - np.where(alone, 0.0, leverage)))
    error = np.sqrt(((weights * ((values - full @ beta) * growth)) ** 2).sum(axis=1))
    largest = np.abs(weights).max(axis=1, keepdims=True)
    error[(np.abs(weights[:, alone]) > _EXACT * largest).any(axis=1)] = np.nan
    beta[determined], error[determined] = np.nan, np.nan
    from scipy.special import stdtrit  # scipy.stats takes longer to load

    freedom = np.array([_freedom(row, u, leverage) for row in (weights * growth) ** 2])
    half = stdtrit(freedom, (1 + CONFIDENCE) / 2) * error
    return [
        Slope(float(b), float(b - h), float(b + h), n)
        for b, h in zip(beta[1:], half[1:], strict=True)
    ]


def _freedom(parts: Floats, u: Floats, leverage: Floats) -> float:
    """Satterthwaite's degrees of freedom of Σ parts·residual², for equal noise: (tr A)²/tr A² with
    A = M·diag(parts)·M, M = 1 − u·uᵀ the matrix that leaves the residuals."""
    mean = (parts * (1 - leverage)).sum()
    square = (parts**2 * (1 - 2 * leverage)).sum() + (((u.T * parts) @ u) ** 2).sum()
    return float(mean**2 / square) if square > 0 else float("nan")
