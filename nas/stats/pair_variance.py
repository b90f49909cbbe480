"""What interactions of pairs of families do to the error of a family's effect.

Errors from squared residuals take all that families leave unexplained for noise that each result
has by itself. What a pair is worth beyond its two families is in every result with the pair. Of it
a balanced draw averages most out, so such errors are too wide; in how far is found from

    value = X β + Z u + ε,  u ~ N(0, τ²) for each pair of families,  ε ~ N(0, σ²) for each result.

Shapes: n results, P pairs that were drawn, r rank, G families compared.
"""

from dataclasses import dataclass
from itertools import combinations
from math import inf, isinf, log
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from nas.stats.observations import Floats, Ints, Observations

if TYPE_CHECKING:
    from scipy.sparse import csr_array

SIDE = 500
"""The greatest matrix that is decomposed: beyond so many pairs the first so many results decide."""
POOR = 0.4
"""The standard error of the logarithm of a ratio above which it is taken as one."""
_LEAST = -0.5
"""The least τ²/σ², as a share of what would make a sum of results certain."""


@dataclass(frozen=True)
class Pairs:
    """Which pairs of families each result holds, among those families that not all hold."""

    columns: "csr_array[Any, Any]"
    """Z, `(n, P)`."""
    first: Ints
    second: Ints
    """`(P,)` each: the pair's families, by their places among `varying`."""
    varying: Ints
    """The places of families that some results hold and some do not."""
    k: int
    """Varying families in each result."""

    @classmethod
    def of(cls, seen: Observations) -> Self | None:
        """None where results hold different numbers of families, or no pair beside others."""
        from scipy.sparse import csr_array

        varying = np.flatnonzero((seen.counts > 0) & (seen.counts < len(seen.value)))
        held = seen.held[:, varying]
        each = held.sum(axis=1)
        k, families = int(each[0]) if len(each) else 0, held.shape[1]
        if k < 2 or k >= families or (each != k).any():
            return None
        of = np.nonzero(held)[1].reshape(len(held), k)
        a, b = np.array(list(combinations(range(k), 2))).T
        drawn, column = np.unique(of[:, a] * families + of[:, b], return_inverse=True)
        row = np.repeat(np.arange(len(held)), len(a))
        z = csr_array((np.ones(len(row)), (row, column.ravel())), shape=(len(held), len(drawn)))
        return cls(z, drawn // families, drawn % families, varying, k)


@dataclass(frozen=True)
class Variances:
    """What pairs and results vary by."""

    pair: float
    """τ²."""
    noise: float
    """σ²."""
    error: float
    """The standard error of τ²/σ² where that is zero; infinite where the draws don't tell the two
    apart: where no two results share a pair, say."""


def variances(seen: Observations, pairs: Pairs) -> Variances:
    """By restricted maximum likelihood (Patterson and Thompson 1971).

    With λ the eigenvalues of M Z Zᵀ M, M what takes X out, and t the residuals along their vectors,
    minus twice the log-likelihood of θ = τ²/σ² is, but for constants and with σ² at its best,
    Σ ln(1 + θλ) + (n − r) ln σ²(θ), where σ²(θ) = (eᵀe − Σ t² + Σ t²/(1 + θλ)) / (n − r).

    τ² may come out below zero, where results with a pair in common are less alike than chance makes
    them: cut off at zero it would be too large on average, and intervals too narrow. Where θ is 0,
    its information is ½ (Σ λ² − (Σ λ)²/(n − r)).
    """
    from scipy.optimize import minimize_scalar

    value, squares, total = _spectrum(seen, pairs)
    free = int(len(seen.value) - seen.basis.shape[1])
    if free <= 0 or not len(value) or total <= 0:
        return Variances(0.0, 0.0, inf)
    rest = max(0.0, total - float(squares.sum()))
    least, mean = _LEAST / float(value.max()), float(value.mean())

    def theta(at: float) -> float:
        return -at * least if at < 0 else at / (1 - at) / mean

    def noise(at: float) -> float:
        left = float((squares / (1 + theta(at) * value)).sum())
        # Where pairs explain all, the likelihood has no end.
        return max((rest + left) / free, 1e-12 * total)

    def deviance(at: float) -> float:
        return float(np.log1p(theta(at) * value).sum()) + free * log(noise(at))

    grid = np.linspace(-1, 0.99, 67).tolist()
    near = int(np.argmin([deviance(at) for at in grid]))
    ends = grid[max(0, near - 1)], grid[min(len(grid) - 1, near + 1)]
    best = float(minimize_scalar(deviance, bounds=ends, method="bounded").x)
    known = float((value**2).sum() - value.sum() ** 2 / free) / 2
    error = known**-0.5 if known > 1e-9 * float((value**2).sum()) else inf
    return Variances(theta(best) * noise(best), noise(best), error)


def _spectrum(seen: Observations, pairs: Pairs) -> tuple[Floats, Floats, float]:
    """Eigenvalues above zero, the squares of the residuals along them, and of all residuals."""
    basis, z, residual = seen.basis, pairs.columns, seen.residual
    if z.shape[1] <= len(residual):  # ZᵀMZ has the same ones
        explained = z.T @ basis
        value, vectors = np.linalg.eigh((z.T @ z).toarray() - explained @ explained.T)
        along = vectors.T @ (z.T @ residual)
    else:
        both = (z @ z.T).toarray()
        off = both @ basis
        both -= basis @ off.T + off @ basis.T - basis @ (basis.T @ off) @ basis.T
        value, vectors = np.linalg.eigh(both)
        along = vectors.T @ residual
    known = value > 1e-8 * max(1.0, value[-1])
    value, squares = value[known], along[known] ** 2
    if z.shape[1] <= len(residual):
        squares = squares / value
    return value, squares, float(residual @ residual)


def variance_ratio(seen: Observations, contrast: Floats, weights: Floats) -> Floats:
    """(G,) by what to multiply the variance that squared residuals give each effect.

    Args:
        contrast: `(G, F)`, rows that sum to zero: so much of each family's coefficient is an
            effect.
        weights: `(n, G)`: so much of each result.

    With w an effect's weights, h leverages, and a what the effect over *all* sets of k families
    holds of each pair (`FamilyEffects` says which effect), its variance is
    τ² |Zᵀw − a|² + σ² |w|², where squared residuals lead one to expect
    τ² Σ w²ᵢ (M Z Zᵀ M)ᵢᵢ / (1 − hᵢ) + σ² |w|². Their ratio keeps what squared residuals know of
    unequal noise. One where there are no pairs, and where the draws tell their variance so poorly
    that the ratio's logarithm has a standard error above POOR.
    """
    pairs, one = Pairs.of(seen), np.ones(weights.shape[1])
    if pairs is None or len(pairs.varying) < 3:
        return one
    some, of_some = seen, pairs
    if min(pairs.columns.shape) > SIDE:
        some = seen.only(np.arange(len(seen.value)) < SIDE)
        few = Pairs.of(some)
        if few is None:
            return one
        of_some = few
    found = variances(some, of_some)
    if found.noise <= 0 or isinf(found.error):
        return one
    # Over all sets, a family holds (k − 1)/(F − 2) of each of its pairs more than another does. And
    # over all pairs the sum of (c_a + c_b)² is (F − 2) Σ c², for c sums to zero.
    families = len(pairs.varying)
    held, varying = (pairs.k - 1) / (families - 2), contrast[:, pairs.varying]
    own = (varying[:, pairs.first] + varying[:, pairs.second]).T
    of_pairs = pairs.columns.T @ weights
    apart = (of_pairs**2).sum(axis=0) - 2 * held * (of_pairs * own).sum(axis=0)
    apart += held**2 * (families - 2) * (varying**2).sum(axis=1)
    apart = np.maximum(apart, 0.0)
    expected = (weights**2 / (1 - seen.leverage[:, None])).T @ _kept(seen, pairs)
    plain = (weights**2).sum(axis=0)
    ratio = (found.noise * plain + found.pair * apart) / (
        found.noise * plain + found.pair * expected
    )
    if found.pair < 0:
        ratio = np.maximum(ratio, one)
    # The logarithm's slope in θ, where θ is 0.
    poor = np.abs(apart - expected) / plain * found.error > POOR
    answer: Floats = np.where(poor, one, ratio)
    return answer


def _kept(seen: Observations, pairs: Pairs) -> Floats:
    """(n,) the diagonal of M Z Zᵀ M."""
    basis, z = seen.basis, pairs.columns
    explained = z.T @ basis
    kept: Floats = z.sum(axis=1) - 2 * np.einsum("nr,nr->n", z @ explained, basis)
    kept += np.einsum("nr,nr->n", basis @ (explained.T @ explained), basis)
    return np.maximum(kept, 0.0)
