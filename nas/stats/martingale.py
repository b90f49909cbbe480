"""Test martingales on counts: is a level drawn as often as in a fair draw?

A bettor starts with wealth 1 and bets it before every draw, using the draws so far. Under a fair
draw its wealth is a nonnegative supermartingale, so the probability that it ever reaches 1/α is at
most α (Ville 1939): the test is valid after every draw and at any stopping time. The mean of many
bettors' wealth is a supermartingale too, under any dependence, so many levels need no correction.

Shapes: S campaigns, T looks, L levels.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Counts = NDArray[np.integer] | NDArray[np.bool_]


class Martingale:
    """One bettor for each level of each campaign.

    A level is fair if its probability of being drawn is between `low` and `high`. The bettor
    predicts q = (centre + hits) / (1 + chances), the posterior mean under a Beta prior worth one
    draw. It multiplies its wealth by the likelihood ratio of q against the nearest fair
    probability, or by 1 if q is fair itself. Sampling without replacement only lowers the wealth,
    because levels drawn often become rarer.
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
        """Adds T looks. `hits` `(S, T, L)`: draws since the previous look that contain the level;
        `chances` `(S, T, L)`: draws that could have. A bettor bets equally on all draws of a look.

        Returns the natural logarithm of every bettor's wealth after each look, `(S, T, L)`.
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
