"""Do a family's candidates fail more often than the rest? Right to be believed at any time.

For each family, how well two rates, learned as results come, predict its candidates' failures and
the others', compared with one rate for all, chosen afterwards and so at its best (universal
inference: Wasserman, Ramdas and Balakrishnan 2020). Where one rate is the truth, that ratio reaches
F/α for any of F families with a chance of at most α, whatever was drawn and in whatever order.
"""

from collections.abc import Sequence

import numpy as np

from nas.stats.look_schedule import look_schedule
from nas.stats.martingale import Bools, Floats

ALPHA = 0.01
"""The chance that a warning names any family though all fail alike."""
_BLOCK = 4096
"""Ended candidates taken at a time: bounds the memory."""


class FailureRateTest:
    """Counts what ended and what failed, with each family and without it."""

    def __init__(self, families: Sequence[str], verb: str = "fails") -> None:
        """`verb`: what `warnings` say of a family, in place of failing."""
        self._families, self._verb = families, verb
        self._ended = np.zeros((2, len(families)))
        self._failed = np.zeros((2, len(families)))
        self._certain = np.zeros(len(families), dtype=bool)
        self._looked = 0
        self._waiting = np.zeros((0, len(families) + 1), dtype=bool)
        """Ended since the last look: which families they held, and whether they failed."""

    def add(self, held: Bools, failed: Bools) -> None:
        """T more that ended: which families they held `(T, F)`, and which failed `(T,)`."""
        if not self._families:  # a space of settings alone
            return
        self._waiting = np.vstack([self._waiting, np.column_stack([held, failed])])
        while due := look_schedule(self._looked, len(self._waiting), _BLOCK):
            block, self._waiting = self._waiting[: due[-1]], self._waiting[due[-1] :]
            self._look(block[:, :-1], block[:, -1], [0, *due[:-1]])
            self._looked += len(block)

    def _look(self, held: Bools, failed: Bools, starts: list[int]) -> None:
        groups = np.stack([held, ~held], axis=1)  # (T, 2, F)
        more = np.add.reduceat(groups, starts, dtype=np.int64)
        worse = np.add.reduceat(groups & failed[:, None, None], starts, dtype=np.int64)
        ended = self._ended + np.cumsum(more, axis=0)
        lost = self._failed + np.cumsum(worse, axis=0)
        ratio = _predicted(lost, ended).sum(axis=1) - _fitted(lost.sum(axis=1), ended.sum(axis=1))
        rates = lost / np.maximum(ended, 1)
        more_often = rates[:, 0] > rates[:, 1]
        enough = ratio >= np.log(len(self._families) / ALPHA)
        self._certain |= (more_often & enough).any(axis=0)
        self._ended, self._failed = ended[-1], lost[-1]

    @property
    def warnings(self) -> dict[str, str]:
        """For each family that is certain to fail more than the rest, a line with its counts."""
        return {
            self._families[
                f
            ]: f"{self._families[f]} {self._verb} more than the rest: {self._failed[0, f]:.0f} of"
            f" {self._ended[0, f]:.0f} candidates with it, {self._failed[1, f]:.0f} of"
            f" {self._ended[1, f]:.0f} without"
            for f in np.flatnonzero(self._certain).tolist()
        }


def _predicted(failed: Floats, ended: Floats) -> Floats:
    """ln of the chance of these failures under a rate that is learned as they come (Krichevsky and
    Trofimov 1981): their mean under a Beta(½, ½)."""
    from scipy.special import gammaln

    chance: Floats = (
        gammaln(failed + 0.5) + gammaln(ended - failed + 0.5) - gammaln(ended + 1) - np.log(np.pi)
    )
    return chance


def _fitted(failed: Floats, ended: Floats) -> Floats:
    """ln of their chance under the one rate that makes them likeliest."""
    from scipy.special import xlogy

    chance: Floats = (
        xlogy(failed, failed) + xlogy(ended - failed, ended - failed) - xlogy(ended, ended)
    )
    return chance
