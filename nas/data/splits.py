"""Stratified, seeded splits of a data set."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nas.data.raw import Pool, Raw
from nas.schema import ProblemError

Index = NDArray[np.int64]


def divide(raw: Raw, seed: int) -> tuple[Pool, Pool, Pool]:
    """Train, validation and test images. Missing splits are taken from the training images."""
    wanted = [
        share
        for part, share in ((raw.val, raw.val_share), (raw.test, raw.test_share))
        if part is None
    ]
    index = stratify(raw.train.labels, wanted, seed, raw.class_names)
    off = iter([raw.train.take(part) for part in index[1:]])
    val = raw.val if raw.val is not None else next(off)
    test = raw.test if raw.test is not None else next(off)
    return raw.train.take(index[0]), val, test


def kept_and_held(
    labels: Index, share: float, seed: int, names: Sequence[str]
) -> tuple[Index, Index]:
    """Indices of the training images that a model sees, and of those held out from it: `share` of
    every class. `seed` is the split seed of the data set."""
    kept, held = stratify(labels, [share], seed + 1, names)
    return kept, held


def stratify(
    labels: NDArray[np.int64], shares: Sequence[float], seed: int, names: Sequence[str]
) -> list[Index]:
    """Splits 0…N-1 into the remainder followed by one part per share, each sorted.

    Every class contributes its rounded share to each part, and at least one image. Raises
    ProblemError for a class with too few images.
    """
    rng = np.random.default_rng(seed)
    parts: list[list[Index]] = [[] for _ in range(len(shares) + 1)]
    for label, name in enumerate(names):
        own = np.flatnonzero(labels == label)
        sizes = [max(1, round(len(own) * share)) for share in shares]
        if len(own) <= sum(sizes):
            raise ProblemError(
                f"class {name} has {len(own)} training images",
                fix=f"give it at least {len(shares) + 1}, one for each split",
            )
        own = rng.permutation(own)
        cuts = np.cumsum([len(own) - sum(sizes), *sizes])[:-1]
        for part, piece in zip(parts, np.split(own, cuts), strict=True):
            part.append(piece)
    return [np.sort(np.concatenate(part)) for part in parts]
