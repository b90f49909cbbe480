"""Which runs learned nothing: no better than always answering the commonest class."""

import numpy as np

from nas.effects.observations import Bools, Floats

LEVEL = 0.01
"""The chance that always answering the commonest class is taken for learning."""
MANY = 0.25
"""The share of a family's runs beyond which those that learned do not speak for it."""


def learned(accuracy: Floats, images: Floats, commonest: Floats) -> Bools:
    """Which accuracies are above the commonest class: an exact binomial test, one-sided, at 1 %.

    Args:
        accuracy: `(n,)` shares of the evaluation images that were classified right.
        images: `(n,)` how many those are.
        commonest: `(n,)` the share of the commonest class among them.
    """
    from scipy.stats import binom

    right = np.rint(accuracy * images)
    above: Bools = binom.sf(right - 1, images, commonest) <= LEVEL
    return above


def collapsed(accuracy: Floats, images: Floats, commonest: Floats) -> Bools:
    """Which of a campaign's runs collapsed: not `learned`, while at least half of them have.

    Where fewer have, too little has been trained yet, or nothing can be learned: nobody collapsed.
    Runs of which something is not known (NaN) are not counted, and did not collapse.
    """
    known = ~(np.isnan(accuracy) | np.isnan(images) | np.isnan(commonest))
    found = np.zeros(len(accuracy), dtype=bool)
    if known.any():
        above = learned(accuracy[known], images[known], commonest[known])
        found[known] = ~above & (above.mean() >= 0.5)
    return found
