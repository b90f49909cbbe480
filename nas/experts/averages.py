"""Every mixture's uniform average and oracle.

The average is of logits, as in a mixture with equal weights. The oracle is correct if any expert
is: the upper bound of hard top-1 routing over these experts. An average can be correct where no
expert is.
"""

from collections.abc import Callable, Iterator
from itertools import groupby

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.experts.mixtures import Ints

Floats = NDArray[np.float64]
Watch = Callable[[int], None]
"""Called with the number of finished mixtures."""

_CELLS = {"cpu": 1 << 21, "cuda": 1 << 27}
"""Sums processed at a time: on a CPU about what fits its cache."""


def uniform(
    logits: Tensor, labels: Tensor, members: Ints, watch: Watch = lambda done: None
) -> tuple[Floats, Floats]:
    """Accuracy and cross-entropy (nats) of every average, `(Q,)` each.

    `logits` `(E, C, N)`; `labels` `(N,)`; `members` `(Q, k)` in lexicographic order: mixtures that
    share all but their last expert share a sum.
    """
    k = members.shape[1]
    accuracy, loss = np.empty(len(members)), np.empty(len(members))
    room = max(1, _CELLS[logits.device.type] // logits[0].numel())
    done = 0
    with torch.inference_mode():
        for first, lasts in _by_prefix(members):
            shared = logits[list(first)].sum(dim=0)
            for some in np.array_split(lasts, -(-len(lasts) // room)):
                mean = logits[torch.from_numpy(some)].add_(shared).div_(k)  # (q, C, N)
                rows = slice(done, done + len(some))
                accuracy[rows] = (
                    (predicted_class(mean) == labels).double().mean(dim=1).cpu().numpy()
                )
                true = mean.gather(1, labels.expand(len(some), 1, -1))[:, 0]
                loss[rows] = (mean.logsumexp(dim=1) - true).double().mean(dim=1).cpu().numpy()
                done += len(some)
            watch(done)
    return accuracy, loss


def oracle(logits: Tensor, labels: Tensor, members: Ints) -> Floats:
    """Share of images that any expert of a mixture classifies correctly, `(Q,)`, by bit operations.

    `logits` `(E, C, N)`, `labels` `(N,)`, `members` `(Q, k)`.
    """
    right = (predicted_class(logits) == labels).cpu().numpy()
    packed = np.packbits(right, axis=1)
    padded = np.pad(packed, ((0, 0), (0, -packed.shape[1] % 8)))
    words = np.ascontiguousarray(padded).view(np.uint64)
    found = np.empty(len(members))
    for start in range(0, len(members), 4096):
        rows = members[start : start + 4096]
        any_right = np.bitwise_or.reduce(words[rows], axis=1)
        found[start : start + 4096] = np.bitwise_count(any_right).sum(axis=1) / len(labels)
    return found


def single_scores(logits: Tensor, labels: Tensor) -> Floats:
    """Each expert's own accuracy, `(E,)`, from `logits` `(E, C, N)` and `labels` `(N,)`."""
    accuracy: Floats = (predicted_class(logits) == labels).double().mean(dim=1).cpu().numpy()
    return accuracy


def predicted_class(logits: Tensor) -> Tensor:
    """The predicted class from logits `(Q, C, N)`, the first of ties, `(Q, N)`.

    Equals `argmax`, which takes thirteen times as long over a dimension that is not the last.
    """
    return logits.max(dim=1).indices


def _by_prefix(members: Ints) -> Iterator[tuple[tuple[int, ...], Ints]]:
    """(all experts but the last, the last ones of every mixture that begins so)"""
    for prefix, rows in groupby(members.tolist(), key=lambda row: tuple(row[:-1])):
        yield prefix, np.array([row[-1] for row in rows], dtype=np.int64)
