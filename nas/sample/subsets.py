"""The search for a subset that keeps family counts and pair counts level."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

_STEEPEST = 1000
"""Pair counts further apart than this cost the same: keeps every sum exact in a float."""


class SubsetCandidates(NamedTuple):
    """Subsets, the best first."""

    subsets: Ints
    """(C, k), ascending indices within a row."""
    imbalance: Floats
    """(C,) sum over the subset of how far each family's count lies above the lowest."""


def level_subsets(
    counts: Ints, pairs: Ints, k: int, width: int, rng: np.random.Generator
) -> SubsetCandidates:
    """Up to `width` of the k-subsets of n families that leave the counts most level.

    The order is first by `imbalance`: with counts that differ by at most 1, its minimum is what
    keeps them so. Then by how often their pairs were drawn together (the squares of the excess
    over the rarest pair, so that the most frequent are avoided most), together with the same cost
    of the pairs that are left to be drawn together later: families that are still one draw behind
    will be drawn among themselves, so a subset that leaves them bad company is no bargain. Ties
    are broken at random, so any subset that is best can be the first.

    A beam search that adds a family at a time. It finds every subset when `width` is at least
    C(n, j) for all j ≤ k, so widening it comes to an end.

    Args:
        counts: (n,) draws of each family.
        pairs: (n, n) draws of each pair; symmetric, its diagonal is not read.
    """
    n = len(counts)
    behind = (counts - counts.min()).astype(np.float64)
    cost = _pair_cost(pairs)
    # One step of imbalance outweighs any k-subset's pairs.
    step = (cost.max(initial=0) + 2) * k * k
    # A set is told by the sum of its families' random 64-bit names, whatever their order.
    names = rng.integers(2**64, size=n, dtype=np.uint64)
    subsets = np.empty((1, 0), dtype=np.int64)
    total = np.zeros(1)
    company = np.zeros((1, n))  # what each family would cost beside those already in the subset
    for size in range(1, k + 1):
        grown = total[:, None] + step * behind + company
        np.put_along_axis(grown, subsets, np.inf, axis=1)
        noisy = (grown + rng.random(grown.shape)).ravel()  # costs are whole: noise only splits ties
        # A subset is reached once from each of its parts: size times at most.
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
    """(n, n) squares of each pair's excess over the rarest pair; 0 on the diagonal."""
    n = len(pairs)
    others = ~np.eye(n, dtype=bool)
    rarest = pairs.min(where=others, initial=np.iinfo(np.int64).max)
    excess = np.where(others, np.minimum(pairs - rarest, _STEEPEST), 0)
    return (excess * excess).astype(np.float64)


def _left_behind(subsets: Ints, lowest: NDArray[np.bool_], cost: Floats) -> Floats:
    """(C,) cost of the pairs among the lowest families that each subset leaves for later.

    Of r families left, a subset of k takes each pair together with chance (k - 1) / (r - 1); all
    of them when r ≤ k.
    """
    k = subsets.shape[1]
    left = np.broadcast_to(lowest, (len(subsets), len(lowest))).astype(np.float64)
    np.put_along_axis(left, subsets, 0, axis=1)
    together = np.minimum(1, (k - 1) / np.maximum(left.sum(axis=1) - 1, 1))
    result: Floats = together * ((left @ cost) * left).sum(axis=1) / 2
    return result
