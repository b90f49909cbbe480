"""Enumerates mixtures: k experts of different families."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray

from nas.schema import ProblemError
from nas.schema.symmetric import symmetric

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Mixtures:
    """Mixtures as indices of experts."""

    members: Ints
    """`(Q, k)`, each row ascending, rows in lexicographic order."""
    total: int
    """The number of all mixtures."""

    @property
    def sampled(self) -> bool:
        """Whether these are only a sample of all mixtures."""
        return len(self.members) < self.total


def enumerate_mixtures(families: Sequence[str], k: int, *, limit: int, seed: int = 0) -> Mixtures:
    """All mixtures of k experts, or `limit` of them drawn uniformly without repeats.

    `families` names each expert's, in order; experts of one family stand side by side. Raises
    ProblemError for fewer families than experts.
    """
    groups: dict[str, list[int]] = {}
    for expert, family in enumerate(families):
        groups.setdefault(family, []).append(expert)
    if len(groups) < k:
        raise ProblemError(
            f"{k} experts of different families are wanted; the bank has {len(groups)} families",
            fix="let `nas bank` finish, or choose a space with more",
        )
    total = symmetric([len(group) for group in groups.values()], k)[k]
    if total <= limit:
        rows = [
            members for chosen in combinations(groups.values(), k) for members in product(*chosen)
        ]
        return Mixtures(_ordered(np.array(rows, dtype=np.int64)), total)
    return Mixtures(_sample(families, k, limit, seed), total)


def _sample(families: Sequence[str], k: int, limit: int, seed: int) -> Ints:
    """k different experts drawn alike, until `limit` different sets have k families."""
    rng = np.random.default_rng(seed)
    family = np.unique(list(families), return_inverse=True)[1]
    found = np.empty((0, k), dtype=np.int64)
    while len(found) < limit:
        drawn = np.sort(rng.random((2 * limit, len(family))).argpartition(k, axis=1)[:, :k], axis=1)
        held = np.sort(family[drawn], axis=1)
        drawn = drawn[(np.diff(held, axis=1) > 0).all(axis=1)]
        found = np.unique(np.vstack([found, drawn]), axis=0)
    return _ordered(found[rng.permutation(len(found))[:limit]])


def _ordered(rows: Ints) -> Ints:
    return rows[np.lexsort(rows.T[::-1])]
