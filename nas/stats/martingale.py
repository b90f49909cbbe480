"""Test martingales on counts: is a level drawn as often as a fair draw would?

A bettor starts with 1 and stakes it, before every draw, on what the draws so far suggest. Under a
fair draw its wealth is a supermartingale, so the chance that it ever reaches 1/α is at most α
(Ville 1939): one may look after every draw and stop at any time. The mean of many bettors' wealths
is a supermartingale too, whatever depends on what, so a hundred levels need no correction.

Shapes: S campaigns, T looks, L levels.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Counts = NDArray[np.integer] | NDArray[np.bool_]


class Martingale:
    """One bettor for each level of each campaign.

    A level is fair while its chance of being drawn lies between `low` and `high`. The bettor
    expects q = (centre + hits) / (1 + chances), Beta's predictive mean under a prior that is worth
    one draw, and multiplies its wealth by the likelihood ratio of q against the nearest fair
    chance, or by 1 where q is fair itself. Sampling without replacement only makes that worse for
    it: what came often is rarer from then on.
    """

    def __init__(self, low: Floats, high: Floats, campaigns: int = 1) -> None:
        """`low`, `high`: `(L,)`, within (0, 1), `low` ≤ `high`."""
        self._low, self._high = low, high
        self.centre: Floats = (low + high) / 2
        self.hits: Floats = np.zeros((campaigns, len(low)))
        self.chances: Floats = np.zeros((campaigns, len(low)))
        self.log_wealth: Floats = np.zeros((campaigns, len(low)))
        """Natural logarithm, `(S, L)`."""

    def add(self, hits: Counts, chances: Counts) -> Floats:
        """T more looks. `hits` `(S, T, L)`: how many draws since the look before held the level;
        `chances` `(S, T, L)`: how many might have. A bettor stakes alike on all draws of a look.

        Returns the logarithm of every bettor's wealth after each look, `(S, T, L)`.
        """
        hits_so_far = self.hits[:, None] + np.cumsum(hits, axis=1)
        chances_so_far = self.chances[:, None] + np.cumsum(chances, axis=1)
        expected = (self.centre + hits_so_far - hits) / (1 + chances_so_far - chances)
        fair = np.clip(expected, self._low, self._high)
        won = hits * np.log(expected / fair)
        missed = np.subtract(chances, hits, dtype=np.float64)  # of bools too
        lost = missed * np.log((1 - expected) / (1 - fair))
        path: Floats = self.log_wealth[:, None] + np.cumsum(won + lost, axis=1)
        if path.shape[1]:
            self.hits, self.chances = hits_so_far[:, -1], chances_so_far[:, -1]
            self.log_wealth = path[:, -1]
        return path


def log_mean(logs: Floats) -> Floats:
    """ln of the mean of exp(`logs`) over the last axis, without overflow."""
    largest = logs.max(axis=-1, keepdims=True)
    mean: Floats = largest[..., 0] + np.log(np.exp(logs - largest).mean(axis=-1))
    return mean
