"""Test martingales on counts: is a level drawn as often as a fair draw would?

A bettor starts with 1 and stakes it, before every draw, on what the draws so far suggest. Under a
fair draw its wealth is a supermartingale, so the chance that it ever reaches 1/α is at most α
(Ville 1939): one may look after every draw and stop at any time. The mean of many bettors' wealths
is a supermartingale too, whatever depends on what, so a hundred levels need no correction.

Shapes: S campaigns, T draws, L levels.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Bets:
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

    def add(self, hit: Bools, could: Bools) -> Floats:
        """T more draws. `hit` `(S, T, L)`: drawn; `could` `(S, T, L)`: it might have been.

        Returns the logarithm of every bettor's wealth after each of them, `(S, T, L)`.
        """
        hits = self.hits[:, None] + np.cumsum(hit, axis=1)
        chances = self.chances[:, None] + np.cumsum(could, axis=1)
        expected = (self.centre + hits - hit) / (1 + chances - could)
        fair = np.clip(expected, self._low, self._high)
        # One division and one logarithm: what was not drawn is the other side of the bet.
        ratio = np.where(hit, expected, 1 - expected) / np.where(hit, fair, 1 - fair)
        path: Floats = self.log_wealth[:, None] + np.cumsum(
            np.log(ratio, where=could, out=np.zeros_like(ratio)), axis=1
        )
        if path.shape[1]:
            self.hits, self.chances, self.log_wealth = hits[:, -1], chances[:, -1], path[:, -1]
        return path


def log_mean(logs: Floats) -> Floats:
    """ln of the mean of exp(`logs`) over the last axis, without overflow."""
    largest = logs.max(axis=-1, keepdims=True)
    mean: Floats = largest[..., 0] + np.log(np.exp(logs - largest).mean(axis=-1))
    return mean
