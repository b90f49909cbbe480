"""Do a family's candidates fail more often than the rest? A sequential test, valid at any time.

For each family, a likelihood ratio: two failure rates, one for its candidates and one for the
others, estimated from the preceding results only, against one rate for all, chosen afterwards to
fit best (universal inference: Wasserman, Ramdas and Balakrishnan 2020). If one rate is true, the
probability that this ratio ever reaches F/α for any of F families is at most α, whatever was drawn
and in whatever order.
"""

from collections.abc import Sequence

import numpy as np

from nas.stats.look_schedule import look_schedule
from nas.stats.martingale import Bools, Floats

ALPHA = 0.01
"""Upper bound of the probability of any warning if all families fail equally often."""
_BLOCK = 4096
"""Ended candidates processed at a time: bounds the memory."""


class FailureRateTest:
    """Counts candidates that ended and failed, with and without each family."""

    def __init__(self, families: Sequence[str], verb: str = "fails") -> None:
        """`verb`: what the families do too often, for `warnings`."""
        self._families, self._verb = families, verb
        self._ended = np.zeros((2, len(families)))
        self._failed = np.zeros((2, len(families)))
        self._certain = np.zeros(len(families), dtype=bool)
        self._looked = 0
        self._waiting = np.zeros((0, len(families) + 1), dtype=bool)
        """Candidates since the last test: which families they contain, and whether they failed."""

    def add(self, held: Bools, failed: Bools) -> None:
        """Adds T ended candidates: which families they contain `(T, F)`, and which failed
        `(T,)`."""
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
        """For each family that fails significantly more often than the rest, a line with its
        counts."""
        return {self._families[f]: self._warning(f) for f in np.flatnonzero(self._certain).tolist()}

    def _warning(self, f: int) -> str:
        return (
            f"{self._families[f]} {self._verb} more often than the rest:"
            f" {self._failed[0, f]:.0f} of {self._ended[0, f]:.0f} candidates with it,"
            f" {self._failed[1, f]:.0f} of {self._ended[1, f]:.0f} without"
        )


def _predicted(failed: Floats, ended: Floats) -> Floats:
    """Log-likelihood of these failures under a rate estimated sequentially (Krichevsky and Trofimov
    1981): the likelihood averaged over a Beta(½, ½) prior."""
    from scipy.special import gammaln

    chance: Floats = (
        gammaln(failed + 0.5) + gammaln(ended - failed + 0.5) - gammaln(ended + 1) - np.log(np.pi)
    )
    return chance


def _fitted(failed: Floats, ended: Floats) -> Floats:
    """Log-likelihood under the maximum-likelihood rate."""
    from scipy.special import xlogy

    chance: Floats = (
        xlogy(failed, failed) + xlogy(ended - failed, ended - failed) - xlogy(ended, ended)
    )
    return chance
