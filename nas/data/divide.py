"""Stratified division of a data set by seed."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.data.raw import Pool, Raw
from nas.spec import ProblemError

Index = NDArray[np.int64]


def divide(raw: Raw, seed: int, hold_out: float = 0.0) -> tuple[Pool, ...]:
    """Train, validation and test images. What the set gives stays; the rest comes off train.

    With `hold_out` a fourth part: that share of the training images, of every class alike. It
    moves no image into or out of the other two.
    """
    wanted = [
        share
        for part, share in ((raw.val, raw.val_share), (raw.test, raw.test_share))
        if part is None
    ]
    index = stratify(raw.train.labels, wanted, seed, raw.class_names)
    off = iter([raw.train.take(part) for part in index[1:]])
    val = raw.val if raw.val is not None else next(off)
    test = raw.test if raw.test is not None else next(off)
    train = raw.train.take(index[0])
    if not hold_out:
        return train, val, test
    kept, held = stratify(train.labels, [hold_out], seed + 1, raw.class_names)
    return train.take(kept), val, test, train.take(held)


def training_files(pools: Sequence[Pool]) -> tuple[Path, ...]:
    """The files a model of this division may learn from, those held out from it among them, so
    that what is measured on them is the same with a `hold_out` and without."""
    train, _, _, *held = pools
    parts = [pool.pixels for pool in (train, *held) if isinstance(pool.pixels, tuple)]
    return tuple(sorted(path for part in parts for path in part))


def stratify(
    labels: NDArray[np.int64], shares: Sequence[float], seed: int, names: Sequence[str]
) -> list[Index]:
    """Splits 0…N-1 into the remainder followed by one part a share, each sorted.

    Every class gives each part its share, rounded, and at least one image. Raises ProblemError
    for a class that has too few.
    """
    rng = np.random.default_rng(seed)
    parts: list[list[Index]] = [[] for _ in range(len(shares) + 1)]
    for label, name in enumerate(names):
        own = np.flatnonzero(labels == label)
        sizes = [max(1, round(len(own) * share)) for share in shares]
        if len(own) <= sum(sizes):
            raise ProblemError(
                f"class {name} has {len(own)} training images",
                fix=f"give it at least {len(shares) + 1}, so that each split gets one",
            )
        own = rng.permutation(own)
        cuts = np.cumsum([len(own) - sum(sizes), *sizes])[:-1]
        for part, piece in zip(parts, np.split(own, cuts), strict=True):
            part.append(piece)
    return [np.sort(np.concatenate(part)) for part in parts]
