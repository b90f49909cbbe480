"""What a family adds to a mixture's accuracy, its partners held equal.

Unpenalised least squares on which families a candidate holds. Families that the draws cannot
separate are found beforehand and get no number: where every candidate holds the same family, its
effect cannot be separated from the common level. Accuracies are shares in [0, 1].
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nas.stats.observations import Bools, Floats, Observations
from nas.stats.pair_variance import variance_ratio

CONFIDENCE = 0.95
SPARE = 10
"""Results there must be beyond the coefficients, for an interval to mean anything."""


@dataclass(frozen=True)
class FamilyEffects:
    """One entry a family, in their order; NaN where `not_estimable` says why there is none."""

    families: tuple[str, ...]
    effect: Floats
    """The change in accuracy when this family takes the place of an average one of those with an
    effect, as a share; `(F,)`.

    Of sets of k families, all alike: the mean, over the other families g and over all sets of k − 1
    families without either, of the accuracy with this family less that with g; then the mean over
    g, this family itself counted as no change. What pairs or larger sets add beyond the sum of
    their families counts in proportion to how many sets hold them."""
    low: Floats
    high: Floats
    not_estimable: tuple[str, ...]
    """Why an effect cannot be estimated; empty where it can."""
    never_estimable: Bools
    """Where more draws like these would not estimate it either, `(F,)`."""
    rank: Floats
    """1 is best, by effects shrunken towards none: the greatest of many noisy estimates is luck."""
    noise: float
    """Standard deviation of a result that the families do not explain."""


def family_effects(every: Observations, excluded: Mapping[str, str] | None = None) -> FamilyEffects:
    """Effects with 95 % intervals that hold where the noise is unequal and pairs interact.

    HC2 errors (MacKinnon and White 1985), corrected for interactions of pairs, most of which a
    balanced draw averages out (`nas.stats.pair_variance`); a t distribution with the degrees of
    freedom of the results that decide the error (Bell and McCaffrey 2002, with the residuals' own
    correlation left out), so that a family with few results gets the wide interval it deserves.

    `excluded`: families that get no effect, each with the reason; their results count for others.
    """
    excluded = excluded or {}
    seen = every.fit_for_errors
    named = np.array([family in excluded for family in seen.families], dtype=bool)
    group = estimable(seen) & ~named
    group &= group.sum() > 1  # one alone has nothing to be compared with
    not_estimable, never_estimable = _not_estimable_reasons(every, seen, group)
    not_estimable = tuple(
        excluded.get(f, why) for f, why in zip(seen.families, not_estimable, strict=True)
    )
    never_estimable |= named
    effect, low, high, rank = (np.full(len(seen.families), np.nan) for _ in range(4))
    noise = np.nan
    if len(seen.value) - seen.basis.shape[1] < SPARE:
        needed, have = np.count_nonzero(every.counts) + SPARE, len(every.value)
        results = "result is" if have == 1 else "results are"
        short = f"{have} {results} too few: it takes {needed} or more"
        undecided = never_estimable & ~named  # it is in these few, and may not be in the next
        never_estimable &= named
        not_estimable = tuple(
            short if few else reason or short
            for reason, few in zip(not_estimable, undecided.tolist(), strict=True)
        )
    elif group.any():
        from scipy import stats

        coefficients = seen.basis.T @ seen.value  # the basis is orthonormal
        residual = seen.residual
        contrast = centred(group)
        weights = contrasts(contrast, seen)
        counted = seen.design @ (seen.rotation @ weights.T)  # (n, G): a result's weight in each
        shares = counted**2 / (1 - seen.leverage[:, None])
        variance = (shares * residual[:, None] ** 2).sum(axis=0)
        error = np.sqrt(variance * variance_ratio(seen, contrast, counted))
        half = stats.t.ppf((1 + CONFIDENCE) / 2, satterthwaite_df(shares)) * error
        effect[group] = np.round(weights @ coefficients, 9) + 0.0  # the rest is rounding
        low[group], high[group] = effect[group] - half, effect[group] + half
        rank[group] = stats.rankdata(-_shrunken(seen)[group], method="ordinal")
        noise = float(np.sqrt(residual @ residual / (len(residual) - seen.basis.shape[1])))
    return FamilyEffects(
        seen.families, effect, low, high, not_estimable, never_estimable, rank, noise
    )


def estimable(seen: Observations) -> Bools:
    """The largest set of families whose effects the draws can separate, `(F,)`.

    A difference β_f − β_g can be estimated if it lies in the row space of the design: if the rows f
    and g of a basis of its null space are equal.
    """
    from scipy.linalg import null_space

    drawn = seen.counts > 0
    if not drawn.any():
        return drawn
    # XᵀX has the null space of X and does not grow with the results.
    basis = null_space(seen.gram, rcond=1e-10)[: len(drawn)]
    keys = [tuple(row) for row in np.round(basis, 6) + 0.0]
    groups: dict[tuple[float, ...], list[int]] = {}
    for family in np.flatnonzero(drawn).tolist():
        groups.setdefault(keys[family], []).append(family)
    largest = max(groups.values(), key=len)
    found = np.zeros(len(drawn), dtype=bool)
    if len(largest) > 1:
        found[largest] = True
    return found


def centred(group: Bools) -> Floats:
    """(G, F): each of the group's families less the mean of them."""
    wanted = np.zeros((int(group.sum()), len(group)))
    wanted[:, group] = np.eye(len(wanted)) - 1 / max(1, len(wanted))
    return wanted


def contrasts(wanted: Floats, seen: Observations) -> Floats:
    """(G, r): sums of the families' coefficients, `wanted` `(G, F)`, as weights of the basis'
    coefficients.

    With X = QR, what is c·β of the design is (R⁺ᵀc)·γ of its basis.
    """
    padded = np.zeros((len(wanted), len(seen.gram)))
    padded[:, : wanted.shape[1]] = wanted
    weights: Floats = padded @ np.linalg.pinv(seen.rotation.T @ seen.gram)
    return weights


def satterthwaite_df(share: Floats) -> Floats:
    """Satterthwaite's degrees of freedom of errors that results have these shares in, `(n, P)`."""
    freedom: Floats = share.sum(axis=0) ** 2 / (share**2).sum(axis=0)
    return freedom


def _not_estimable_reasons(
    every: Observations, seen: Observations, group: Bools
) -> tuple[tuple[str, ...], Bools]:
    reasons, never_estimable = [], np.zeros(len(group), dtype=bool)
    counts = zip(every.counts.tolist(), seen.counts.tolist(), group.tolist(), strict=True)
    for family, (count, used, known) in enumerate(counts):
        if known:
            reasons.append("")
        elif count == 0:
            reasons.append("no candidate with it has a result")
        elif count == len(every.value):
            never_estimable[family] = True
            reasons.append("every candidate holds it: nothing to compare it with")
        elif used == 0:
            have = "has" if count == 1 else "have"
            reasons.append(f"only {count} of its candidates {have} a result that can be compared")
        else:
            reasons.append("the draws do not separate it from others")
    return tuple(reasons), never_estimable


def _shrunken(seen: Observations) -> Floats:
    """(F,) posterior means under a normal prior whose width the data choose (MacKay 1992)."""
    from sklearn.linear_model import BayesianRidge

    spread = seen.value.std() if np.ptp(seen.value) else 1.0
    rows, value, weight = sufficient_statistics(seen, seen.value / spread)
    model = BayesianRidge(fit_intercept=False).fit(rows, value, sample_weight=weight)
    coefficients: Floats = model.coef_[: len(seen.families)] * spread
    return coefficients


def sufficient_statistics(seen: Observations, value: Floats) -> tuple[Floats, Floats, Floats]:
    """Rows, values and weights with the same weighted sums of squares and products as the design
    and `value` `(n,)` about their means, and the same sum of weights: all that a normal posterior
    needs, in r + 1 rows at most."""
    n, value = len(value), value - value.mean()
    mean = np.asarray(seen.design.mean(axis=0))
    scale, vectors = np.linalg.eigh(seen.gram - n * np.outer(mean, mean))
    kept = scale > 1e-10 * max(scale[-1], 1.0)
    root, vectors = np.sqrt(scale[kept]), vectors[:, kept]
    explained = vectors.T @ (seen.design.T @ value) / root
    rest = n - len(root)
    left = max(0.0, value @ value - explained @ explained)
    rows = np.vstack([root[:, None] * vectors.T, np.zeros(len(mean))])
    values = np.append(explained, np.sqrt(left / rest))
    return rows, values, np.append(np.ones(len(root)), rest)
