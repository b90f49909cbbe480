"""Asynchronous successive halving (Li et al. 2020, arXiv 1810.05934) over epochs.

It does not use Ray's scheduler, so that rungs are in the ledger and survive a kill.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Asha:
    """Rungs at `first`, `first`·η, `first`·η², … epochs, below `epochs`.

    At a rung a candidate continues if it is among the best 1/η of all that have reached it so far,
    itself included; the first to arrive always continues.
    """

    epochs: int
    first: int = 1
    eta: int = 3

    @property
    def rungs(self) -> tuple[int, ...]:
        """The epochs, counted from 1, after which a decision is made."""
        found = []
        epoch = self.first
        while epoch < self.epochs:
            found.append(epoch)
            epoch *= self.eta
        return tuple(found)

    def rung_at(self, epoch: int) -> int | None:
        """The rung's index, from 0, if a decision is made after this epoch; else None."""
        return self.rungs.index(epoch) if epoch in self.rungs else None

    def promote(self, value: float, others: Sequence[float]) -> bool:
        """Whether a value (higher is better) is in the top 1/η of itself and the others."""
        better = sum(other > value for other in others)
        return better < max(1, (len(others) + 1) // self.eta)
