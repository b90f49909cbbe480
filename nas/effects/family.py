"""What a family adds to a mixture's accuracy, its partners held equal.

Unpenalised least squares on which families a candidate holds. What a campaign's draws cannot tell
apart is found out beforehand and gets no number: where every candidate holds the same family, its
worth and everybody's level are one and the same.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nas.effects.observations import DETERMINED, Floats, Observations

CONFIDENCE = 0.95
SPARE = 10
"""Results there must be beyond the coefficients, for an interval to mean anything."""
_LARGE = 4000
"""Results above which leverages are too small to matter, and too many to compute."""


@dataclass(frozen=True)
class FamilyEffects:
    """One entry a family, in their order; NaN where `told` says why there is none."""

    families: tuple[str, ...]
    effect: Floats
    """The change in accuracy when this family stands where an average one of those that can be
    told stood; `(F,)`."""
    low: Floats
    high: Floats
    told: tuple[str, ...]
    """Why an effect cannot be told; empty where it can."""
    rank: Floats
    """1 is best, by effects shrunken towards none: the greatest of many noisy estimates is luck."""
    noise: float
    """Standard deviation of a result that the families do not explain."""


def family_effects(seen: Observations) -> FamilyEffects:
    """Effects with 95 % intervals that hold where the noise is unequal (HC3, t distribution)."""
    every, seen = seen, seen.fit_for_errors()
    count, families = len(seen.value), len(seen.families)
    nothing = np.full(families, np.nan)
    group = comparable(seen)
    told = _told(every, seen, group)
    basis = seen.basis
    if count - basis.shape[1] < SPARE or seen.leverage.max() >= DETERMINED:
        needed = np.count_nonzero(every.counts) + SPARE
        short = f"{len(every.value)} results are too few: it takes {needed} or more"
        why = tuple(reason or short for reason in told)
        return FamilyEffects(seen.families, nothing, nothing, nothing, why, nothing, np.nan)
    if not group.any():
        return FamilyEffects(seen.families, nothing, nothing, nothing, told, nothing, np.nan)
    from statsmodels.regression.linear_model import OLS

    kind = "HC3" if count <= _LARGE else "HC1"
    fitted = OLS(seen.value, basis).fit(cov_type=kind, use_t=True)
    tested = fitted.t_test(contrasts(group, seen, basis))
    bounds = tested.conf_int(alpha=1 - CONFIDENCE)
    effect, low, high, rank = (nothing.copy() for _ in range(4))
    effect[group], low[group], high[group] = tested.effect, bounds[:, 0], bounds[:, 1]
    rank[group] = _ranks(_shrunken(seen)[group])
    return FamilyEffects(seen.families, effect, low, high, told, rank, float(np.sqrt(fitted.scale)))


def comparable(seen: Observations) -> NDArray[np.bool_]:
    """The largest set of families whose effects the draws can tell from each other, `(F,)`.

    A difference β_f − β_g can be estimated if it lies in the row space of the design: if the rows f
    and g of a basis of its null space are equal.
    """
    from scipy.linalg import null_space

    drawn = seen.counts > 0
    if not drawn.any():
        return drawn
    matrix = seen.matrix
    # XᵀX has the null space of X and does not grow with the results.
    basis = null_space(matrix.T @ matrix, rcond=1e-10)[: len(drawn)]
    keys = [tuple(row) for row in np.round(basis, 6) + 0.0]
    groups: dict[tuple[float, ...], list[int]] = {}
    for family in np.flatnonzero(drawn).tolist():
        groups.setdefault(keys[family], []).append(family)
    largest = max(groups.values(), key=len)
    found = np.zeros(len(drawn), dtype=bool)
    if len(largest) > 1:
        found[largest] = True
    return found


def contrasts(group: NDArray[np.bool_], seen: Observations, basis: Floats) -> Floats:
    """(G, rank): each of the group's families less their mean, as weights of a basis' coefficients.

    With X = QR, what is c·β of the design is (R⁺ᵀc)·γ of its basis.
    """
    wanted = np.zeros((int(group.sum()), seen.matrix.shape[1]))
    place = np.flatnonzero(group)
    wanted[:, place] = np.eye(len(place)) - 1 / len(place)
    weights: Floats = wanted @ np.linalg.pinv(basis.T @ seen.matrix)
    return weights


def _told(every: Observations, seen: Observations, group: NDArray[np.bool_]) -> tuple[str, ...]:
    reasons = []
    counts = zip(every.counts.tolist(), seen.counts.tolist(), group.tolist(), strict=True)
    for count, used, known in counts:
        if known:
            reasons.append("")
        elif count == 0:
            reasons.append("no candidate with it has a result")
        elif used == 0:
            reasons.append(f"only {count} of its candidates have a result that can be compared")
        elif count == len(every.value):
            reasons.append("every candidate holds it: nothing to compare it with")
        else:
            reasons.append("the draws do not tell it apart from others")
    return tuple(reasons)


def _shrunken(seen: Observations) -> Floats:
    """(F,) posterior means under a normal prior whose width the data choose (MacKay 1992)."""
    from sklearn.linear_model import BayesianRidge

    spread = seen.value.std() or 1.0
    model = BayesianRidge().fit(seen.matrix, (seen.value - seen.value.mean()) / spread)
    coefficients: Floats = model.coef_[: len(seen.families)] * spread
    return coefficients


def _ranks(values: Floats) -> Floats:
    from scipy.stats import rankdata

    ranks: Floats = rankdata(-values, method="ordinal").astype(np.float64)
    return ranks
