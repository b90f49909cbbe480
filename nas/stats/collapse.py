"""Which runs learned nothing: not significantly better than always predicting the most frequent
class."""

import numpy as np

from nas.stats.observations import Bools, Floats

LEVEL = 0.01
"""Significance level: the probability that always predicting the most frequent class passes."""
POWER = 0.8
"""The power that the test must have at an accuracy half-way between the most frequent class's share
and 1; with less, there are too few images for the test."""
ENOUGH = 0.5
"""The share of a campaign's runs that must learn for the others to count as collapsed."""
MANY = 0.25
"""If a larger share of a family's runs collapsed, the others do not represent the family."""


def learned(accuracy: Floats, images: Floats, commonest: Floats) -> Bools:
    """Which accuracies exceed the most frequent class's share: one-sided exact binomial test, 1 %.

    Args:
        accuracy: `(n,)` shares of evaluation images that were classified correctly.
        images: `(n,)` numbers of evaluation images.
        commonest: `(n,)` shares of the most frequent class among them.
    """
    right = np.rint(accuracy * images)
    above: Bools = (right > 0) & (_or_more(np.maximum(right, 1), images, commonest) <= LEVEL)
    return above


def can_tell(images: float, commonest: float) -> bool:
    """Whether there are enough images for that test: see POWER. Arguments as in `learned`; False
    if they are NaN."""
    if not images > 0:
        return False
    right = np.arange(1, images + 1)
    passing = right[_or_more(right, images, commonest) <= LEVEL][:1]
    return bool((_or_more(passing, images, (1 + commonest) / 2) >= POWER).any())


def _or_more(right: Floats, images: Floats | float, share: Floats | float) -> Floats:
    """The probability of `right` or more correct predictions, each with probability `share`."""
    from scipy.special import betainc

    chance: Floats = betainc(right, images - right + 1, share)
    return chance


def collapsed(
    accuracy: Floats, images: Floats, commonest: Floats, deciding: Bools | None = None
) -> Bools:
    """Which of a campaign's runs collapsed: not `learned`, while at least half of them have.

    If fewer have, training was too short or nothing can be learned, so none counts as collapsed.
    Runs with a missing value (NaN) or too few images are not counted, and have not collapsed.
    `deciding` `(n,)`: the runs of which at least half must have learned, by default all.
    """
    known, above = _tested(accuracy, images, commonest)
    counted = known if deciding is None or not (known & deciding).any() else known & deciding
    found: Bools = known & ~above
    return found & bool(counted.any() and above[counted].mean() >= ENOUGH)


def few_learned(accuracy: Floats, images: Floats, commonest: Floats) -> tuple[int, int] | None:
    """The numbers of runs that learned and of runs that were tested, if fewer than half learned;
    otherwise, or if none was tested, None."""
    known, above = _tested(accuracy, images, commonest)
    few = bool(known.any() and above[known].mean() < ENOUGH)
    return (int(above.sum()), int(known.sum())) if few else None


def _tested(accuracy: Floats, images: Floats, commonest: Floats) -> tuple[Bools, Bools]:
    """Which runs can be tested, and which of them learned, `(n,)` each."""
    known: Bools = ~(np.isnan(accuracy) | np.isnan(images) | np.isnan(commonest))
    for pair in {*zip(images[known].tolist(), commonest[known].tolist(), strict=True)}:
        if not can_tell(*pair):
            known &= ~((images == pair[0]) & (commonest == pair[1]))
    above = np.zeros(len(accuracy), dtype=bool)
    above[known] = learned(accuracy[known], images[known], commonest[known])
    return known, above
