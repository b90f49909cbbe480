"""Statistical power: the effects that a campaign can detect, computed before it runs."""

from dataclasses import dataclass

import numpy as np

from nas.stats.comparison import FEWEST
from nas.stats.family_effects import (
    CONFIDENCE,
    SPARE,
    centred,
    contrasts,
    estimable,
    satterthwaite_df,
)
from nas.stats.observations import Observations
from nas.stats.synergy import LEAST, pairs_of, residualized_pairs

POWER = 0.8
RATE = 0.05
"""The false-discovery rate of synergies."""
_LOOKED_AT = 300
"""The number of pairs whose errors are computed: in a balanced draw they are similar."""


@dataclass(frozen=True)
class Detectable:
    """The smallest true effects that are found with a probability of 80 %, in units of the
    noise."""

    results: int
    family: float
    """Of a family against the average one; NaN if no effect can be estimated."""
    pair: float
    """The synergy of one pair among all pairs, at a false-discovery rate of 5 %; NaN if most pairs
    have too few results."""
    together: float
    """The mean number of results with both families of a pair."""


def detectable_difference(cells_a: int, cells_b: int, results: int) -> float:
    """The smallest true difference between the means of A's and B's cells that is found with a
    probability of 80 %, in units of the standard deviation of a cell's results, of which each has
    so many; NaN where `nas.stats.comparison.difference_of_cells` gives no interval.

    (t₁ + t₂) standard errors as in `detectable`, with Welch's degrees of freedom at equal
    variances.
    """
    from scipy import stats

    if min(cells_a, cells_b) * (results - 1) < FEWEST - 1:
        return np.nan
    # Each of V cells adds 1/(n V²) to the squared error, with n − 1 degrees of freedom.
    variance = sum(1 / (results * cells) for cells in (cells_a, cells_b))
    spread = sum(
        cells * (1 / (results * cells**2)) ** 2 / (results - 1) for cells in (cells_a, cells_b)
    )
    free = variance**2 / spread
    needed = stats.t.ppf((1 + CONFIDENCE) / 2, free) + stats.t.ppf(POWER, free)
    return float(needed * variance**0.5)


def detectable(seen: Observations) -> Detectable:
    """From simulated draws; their values are not used.

    The smallest effect is (t₁ + t₂) standard errors: t₁ is the two-sided critical value, t₂ the
    quantile of the power. A pair's critical value is Bonferroni's, the strictest step of Benjamini
    and Hochberg's rule.
    """
    from scipy import stats

    together = pairs_of(seen).mean() if len(seen.families) > 1 else 0.0
    seen = seen.fit_for_errors
    basis, families = seen.basis, len(seen.families)
    first, second = np.triu_indices(families, 1)
    count = pairs_of(seen)
    free = len(basis) - basis.shape[1] - 1
    family = pair = np.nan
    if free >= SPARE:
        group = estimable(seen)
        if group.any():
            variance = (contrasts(centred(group), seen) ** 2).sum(axis=1)
            critical = stats.t.ppf((1 + CONFIDENCE) / 2, free)
            family = float((critical + stats.t.ppf(POWER, free)) * np.sqrt(np.median(variance)))
        often = np.flatnonzero(count >= LEAST)
        if 2 * len(often) > len(count):
            some = often[:: 1 + len(often) // _LOOKED_AT]
            _, _, weight, share = residualized_pairs(seen.held, basis, first, second, some)
            if len(weight):
                freedom = satterthwaite_df(share)
                needed = stats.t.ppf(1 - RATE / 2 / len(count), freedom) + stats.t.ppf(
                    POWER, freedom
                )
                pair = float(np.median(needed / np.sqrt(weight)))
    return Detectable(len(basis), family, pair, float(together))
