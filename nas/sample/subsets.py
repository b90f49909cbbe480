"""Searches for a subset of families that keeps the counts of families and pairs even."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_STEEPEST = 1000
"""Maximum excess of a pair count that is considered, so that every sum is exact in a float."""


class SubsetCandidates(NamedTuple):
    """Subsets, best first."""

    subsets: Ints
    """(C, k), ascending indices within a row."""
    imbalance: Floats
    """(C,) sum over the subset of each family's count minus the lowest count."""


def level_subsets(
    counts: Ints, pairs: Ints, k: int, width: int, rng: np.random.Generator
) -> SubsetCandidates:
    """Up to `width` of the k-subsets of n families that keep the counts most even.

    Subsets are ordered by `imbalance`: if counts differ by at most 1, its minimum keeps them so.
    Then by the cost of their pairs, the sum of the squared excess over the least drawn pair, plus
    the expected cost of the pairs that are left for later: families that are one draw behind will
    be drawn with each other, so a subset should not leave costly pairs among them. Ties are broken
    at random, so any of the best subsets can be first.

    This is a beam search that adds one family at a time. With `width` at least C(n, j) for all
    j ≤ k it finds every subset.

    Args:
        counts: (n,) draws of each family.
        pairs: (n, n) draws of each pair; symmetric, its diagonal is not read.
    """
    n = len(counts)
    behind = (counts - counts.min()).astype(np.float64)
    cost = _pair_cost(pairs)
    # One step of imbalance outweighs the pair cost of any k-subset.
    step = (cost.max(initial=0) + 2) * k * k
    # A set is identified by the sum of its families' random 64-bit numbers, whatever their order.
    names = rng.integers(2**64, size=n, dtype=np.uint64)
    subsets = np.empty((1, 0), dtype=np.int64)
    total = np.zeros(1)
    company = np.zeros((1, n))  # pair cost of adding each family to each subset
    for size in range(1, k + 1):
        grown = total[:, None] + step * behind + company
        np.put_along_axis(grown, subsets, np.inf, axis=1)
        # Costs are integers, so noise below 1 only breaks ties.
        noisy = (grown + rng.random(grown.shape)).ravel()
        # A subset is reached from each of its parts, so at most `size` times.
        keep = min(width * size, noisy.size)
        best = np.argpartition(noisy, keep - 1)[:keep]
        best = best[np.isfinite(noisy[best])]
        best = best[np.argsort(noisy[best])]
        row, added = np.divmod(best, n)
        new = np.column_stack([subsets[row], added])
        _, first = np.unique(names[new].sum(axis=1), return_index=True)
        first = np.sort(first)[:width]
        subsets, total = new[first], grown.ravel()[best[first]]
        company = company[row[first]] + cost[added[first]]
    imbalance = np.floor(total / step)
    pair_cost = total - step * imbalance + _left_behind(subsets, behind == 0, cost)
    order = np.lexsort((pair_cost + rng.random(len(subsets)), imbalance))
    return SubsetCandidates(np.sort(subsets[order], axis=1), imbalance[order])


def _pair_cost(pairs: Ints) -> Floats:
    """(n, n) squared excess of each pair over the least drawn pair; 0 on the diagonal."""
    n = len(pairs)
    others = ~np.eye(n, dtype=bool)
    rarest = pairs.min(where=others, initial=np.iinfo(np.int64).max)
    excess = np.where(others, np.minimum(pairs - rarest, _STEEPEST), 0)
    return (excess * excess).astype(np.float64)


def _left_behind(subsets: Ints, lowest: NDArray[np.bool_], cost: Floats) -> Floats:
    """(C,) expected cost of the pairs among the least drawn families that each subset leaves.

    A random subset of k of the r families left that contains one of a pair contains the other with
    probability (k - 1) / (r - 1), or 1 if r ≤ k.
    """
    k = subsets.shape[1]
    left = np.broadcast_to(lowest, (len(subsets), len(lowest))).astype(np.float64)
    np.put_along_axis(left, subsets, 0, axis=1)
    together = np.minimum(1, (k - 1) / np.maximum(left.sum(axis=1) - 1, 1))
    result: Floats = together * ((left @ cost) * left).sum(axis=1) / 2
    return result
