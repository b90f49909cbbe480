"""What a family adds to a mixture's accuracy, with its partners held equal.

Ordinary least squares on which families a candidate contains. Effects that the draws cannot
separate are detected first and not estimated: if every candidate contains the same family, its
effect cannot be separated from the intercept. Accuracies are shares in [0, 1].
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from nas.stats.observations import Bools, Floats, Observations
from nas.stats.pair_variance import variance_ratio

CONFIDENCE = 0.95
SPARE = 10
"""The smallest number of residual degrees of freedom for an interval."""


@dataclass(frozen=True)
class FamilyEffects:
    """One entry per family, in their order; NaN where `not_estimable` gives a reason."""

    families: tuple[str, ...]
    effect: Floats
    """The change in accuracy when this family replaces an average one of the families with an
    effect, as a share; `(F,)`.

    With all sets of k families weighted equally: the mean over sets of k − 1 other families of the
    accuracy with this family minus that with a family g, averaged over g, where this family itself
    counts as no change. What pairs or larger sets add beyond the sum of their families counts in
    proportion to the number of sets that contain them."""
    low: Floats
    high: Floats
    not_estimable: tuple[str, ...]
    """Why an effect cannot be estimated; empty if it can."""
    never_estimable: Bools
    """Whether more draws like these would not estimate it either, `(F,)`."""
    rank: Floats
    """1 is best, by effects shrunken towards zero, since the largest of many noisy estimates is
    biased upwards."""
    noise: float
    """Residual standard deviation of a result."""


def family_effects(every: Observations, excluded: Mapping[str, str] | None = None) -> FamilyEffects:
    """Effects with 95 % intervals that are valid under unequal noise and interactions of pairs.

    HC2 standard errors (MacKinnon and White 1985), corrected for interactions of pairs, most of
    which a balanced draw averages out (`nas.stats.pair_variance`). The t distribution has the
    degrees of freedom of the results that dominate the error (Bell and McCaffrey 2002, ignoring the
    correlation of residuals), so that a family with few results gets a wide interval.

    `excluded`: families without an effect, each with the reason; their results count for others.
    """
    excluded = excluded or {}
    seen = every.fit_for_errors
    named = np.array([family in excluded for family in seen.families], dtype=bool)
    group = estimable(seen) & ~named
    group &= group.sum() > 1  # a single family has nothing to be compared with
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
        short = f"{have} {results} too few: {needed} or more are needed"
        # Every candidate contains these; perhaps not every later one will.
        undecided = never_estimable & ~named
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
    """Contrasts `(G, F)`: each of the group's families minus their mean."""
    wanted = np.zeros((int(group.sum()), len(group)))
    wanted[:, group] = np.eye(len(wanted)) - 1 / max(1, len(wanted))
    return wanted


def contrasts(wanted: Floats, seen: Observations) -> Floats:
    """`(G, r)`: contrasts `wanted` `(G, F)` of the families' coefficients, expressed in the basis.

    With X = QR, c·β for the design equals (R⁺ᵀc)·γ for its basis.
    """
    padded = np.zeros((len(wanted), len(seen.gram)))
    padded[:, : wanted.shape[1]] = wanted
    weights: Floats = padded @ np.linalg.pinv(seen.rotation.T @ seen.gram)
    return weights


def satterthwaite_df(share: Floats) -> Floats:
    """Satterthwaite's degrees of freedom of P variances, `(P,)`, from the results' shares in each,
    `(n, P)`: (Σ s)² / Σ s²."""
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
            reasons.append("every candidate contains it: there is nothing to compare it with")
        elif used == 0:
            have = "has" if count == 1 else "have"
            reasons.append(f"only {count} of its candidates {have} a result that can be compared")
        else:
            reasons.append("the draws do not separate it from others")
    return tuple(reasons), never_estimable


def _shrunken(seen: Observations) -> Floats:
    """`(F,)` posterior means under a normal prior with a width estimated from the data (MacKay
    1992)."""
    from sklearn.linear_model import BayesianRidge

    spread = seen.value.std() if np.ptp(seen.value) else 1.0
    rows, value, weight = sufficient_statistics(seen, seen.value / spread)
    model = BayesianRidge(fit_intercept=False).fit(rows, value, sample_weight=weight)
    coefficients: Floats = model.coef_[: len(seen.families)] * spread
    return coefficients


def sufficient_statistics(seen: Observations, value: Floats) -> tuple[Floats, Floats, Floats]:
    """At most r + 1 rows, values and weights with the same weighted sums of squares and products as
    the centred design and `value` `(n,)`, and the same sum of weights: sufficient for a normal
    posterior."""
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
