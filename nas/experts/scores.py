"""Scores of fitted mixtures."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from nas.experts.averages import predicted_class

Floats = NDArray[np.float64]
SCORED = ("val", "test")


@dataclass(frozen=True)
class GateScores:
    """Scores of Q mixtures, `(Q,)` each; NaN until they are put."""

    val: Floats
    val_loss: Floats
    test: Floats

    @classmethod
    def of(cls, count: int) -> Self:
        """Room for the scores of `count` mixtures, all NaN."""
        return cls(*(np.full(count, np.nan) for _ in range(3)))

    def put(self, at: int, split: str, logits: Tensor, labels: Tensor) -> None:
        """One mixture's logits `(C, N)` on a split of SCORED."""
        right = float((predicted_class(logits[None]) == labels).double().mean())
        if split == "test":
            self.test[at] = right
        else:
            self.val[at] = right
            self.val_loss[at] = float(loss_of(logits[None], labels)[0])


def loss_of(logits: Tensor, labels: Tensor) -> Tensor:
    """`(q, C, N)` → mean cross-entropy in nats, `(q,)`."""
    return functional.cross_entropy(logits, labels.expand(len(logits), -1), reduction="none").mean(
        dim=1
    )
