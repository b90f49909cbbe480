"""Which pairs of families do better together than their two effects add up to?"""

from collections.abc import Collection
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from nas.stats.family_effects import CONFIDENCE, SPARE, satterthwaite_df
from nas.stats.observations import Bools, Floats, Ints, Observations

LEAST = 5
"""The smallest number of results with both families for an interval."""
MANY = 2000
"""With more results, a pair's column is approximated in rows without the pair: see `_sparse`."""
_DETERMINED = 1e-6
"""If the families leave a smaller share of a pair's column, they determine it."""
_BLOCK = 1 << 19
"""Results times pairs processed together: bounds the memory."""


@dataclass(frozen=True)
class Synergies:
    """One entry per pair of families, in the order of `combinations`; NaN if it cannot be
    estimated."""

    pairs: tuple[tuple[str, str], ...]
    count: Ints
    """Results with both families."""
    synergy: Floats
    """Accuracy beyond the sum of the two families' effects, as a share; `(P,)`."""
    low: Floats
    high: Floats
    p_value: Floats
    """Two-sided p-value of no synergy."""
    q_value: Floats
    """Among pairs with q ≤ x, the expected share of false discoveries is at most x (Benjamini and
    Hochberg 1995), over the pairs that can be estimated."""


def synergies(seen: Observations, excluded: Collection[str] = ()) -> Synergies:
    """For each pair, the coefficient of "contains both" in a regression that includes all families.

    By the Frisch–Waugh–Lovell theorem, the families are first regressed out of values and pairs,
    once for all pairs; a regression on a single column remains for each of thousands.

    Standard errors are valid under unequal noise: HC2, with a t distribution with the degrees of
    freedom of the few results that contain both (Bell and McCaffrey 2002; Imbens and Kolesár 2016,
    ignoring the correlation of residuals). At a nominal false-discovery rate of 5 %, HC3 with
    normal quantiles made 12 % false discoveries; this makes 4 % (`benchmarks/evidence.py`).

    `excluded`: families whose pairs get no synergy; their results count for others.
    """
    from scipy import stats

    seen = seen.fit_for_errors
    names = tuple(combinations(seen.families, 2))
    out = np.array([not set(excluded).isdisjoint(pair) for pair in names], dtype=bool)
    count = pairs_of(seen)
    slope, error, freedom = (np.full(len(names), np.nan) for _ in range(3))
    if len(seen.value) - seen.basis.shape[1] - 1 >= SPARE:
        wanted = np.flatnonzero((count >= LEAST) & ~out)
        estimate = _exact if len(seen.value) <= MANY else _sparse
        estimate(seen, wanted, slope, error, freedom)
    half = stats.t.ppf((1 + CONFIDENCE) / 2, freedom) * error
    some = error > 0  # zero if the families explain everything
    p_value = np.full(len(names), np.nan)
    p_value[some] = 2 * stats.t.sf(np.abs(slope[some]) / error[some], freedom[some])
    q_value = np.full(len(names), np.nan)
    known = np.isfinite(p_value)
    if known.any():
        q_value[known] = stats.false_discovery_control(p_value[known])
    return Synergies(names, count, slope, slope - half, slope + half, p_value, q_value)


def _exact(seen: Observations, wanted: Ints, slope: Floats, error: Floats, freedom: Floats) -> None:
    """Fills in the pairs with indices `wanted`, many at a time."""
    first, second = np.triu_indices(len(seen.families), 1)
    rest = seen.residual
    step = max(1, _BLOCK // len(rest))
    for some in (wanted[n : n + step] for n in range(0, len(wanted), step)):
        some, column, weight, share = residualized_pairs(seen.held, seen.basis, first, second, some)
        slope[some] = rest @ column / weight
        left = rest[:, None] - column * slope[some]
        error[some] = np.sqrt((share * left**2).sum(axis=0)) / weight
        freedom[some] = satterthwaite_df(share)


def _sparse(
    seen: Observations, wanted: Ints, slope: Floats, error: Floats, freedom: Floats
) -> None:
    """As `_exact`, but exact only in rows with both families of a pair.

    Elsewhere the pair's column is −Qa, which is small for many results, and its part of the sums is
    a quadratic form in a; the neglected terms are of higher order.
    """
    first, second = np.triu_indices(len(seen.families), 1)
    rest, basis, kept = seen.residual, seen.basis, 1 - seen.leverage
    noise, plain = _weighed(seen, rest**2 / kept), _weighed(seen, 1 / kept)
    held = np.ascontiguousarray(seen.held.T)  # contiguous by family
    for pair in wanted.tolist():
        rows = np.flatnonzero(held[first[pair]] & held[second[pair]])
        near, about = basis[rows], rest[rows]
        shared = near.sum(axis=0)
        weight = len(rows) - shared @ shared
        if weight <= _DETERMINED * len(rows):
            continue
        slope[pair] = about.sum() / weight
        explained = near @ shared
        column = 1 - explained
        share = column**2 / np.maximum(kept[rows] - column**2 / weight, 1e-9)
        elsewhere = explained**2 / kept[rows]
        variance = (share * (about - column * slope[pair]) ** 2).sum()
        variance += shared @ noise @ shared - (elsewhere * about**2).sum()
        error[pair] = np.sqrt(variance) / weight
        total = share.sum() + shared @ plain @ shared - elsewhere.sum()
        freedom[pair] = total**2 / (share**2).sum()


def _weighed(seen: Observations, weight: Floats) -> Floats:
    """Qᵀ diag(weight) Q of the basis Q, `(r, r)`."""
    design = seen.design
    gram = (design.T @ design.multiply(weight[:, None])).toarray()
    found: Floats = seen.rotation.T @ gram @ seen.rotation
    return found


def pairs_of(seen: Observations) -> Ints:
    """The number of results with both families of each pair, `(P,)`."""
    held = seen.held.astype(np.float64)  # the product of integers takes 30 times as long
    together = (held.T @ held)[np.triu_indices(len(seen.families), 1)]
    return together.astype(np.int64)


def residualized_pairs(
    held: Bools, basis: Floats, first: Ints, second: Ints, some: Ints
) -> tuple[Ints, Floats, Floats, Floats]:
    """The residuals of "contains both" after regression on the families, for the pairs `some`.

    Returns the indices of pairs that the families do not determine, their columns `(n, P')`, the
    sums of squares of these `(P',)`, and each result's share in the variance `(n, P')`: the squared
    column divided by one minus the result's leverage.
    """
    both = (held[:, first[some]] & held[:, second[some]]).astype(np.float64)
    column = both - basis @ (basis.T @ both)
    weight = (column**2).sum(axis=0)
    sound = weight > _DETERMINED * both.sum(axis=0)
    column, weight = column[:, sound], weight[sound]
    leverage = (basis**2).sum(axis=1)[:, None] + column**2 / weight
    return some[sound], column, weight, column**2 / np.maximum(1 - leverage, 1e-9)
