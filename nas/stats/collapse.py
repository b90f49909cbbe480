"""Which runs learned nothing: not clearly better than always answering the commonest class."""

import numpy as np

from nas.stats.observations import Bools, Floats

LEVEL = 0.01
"""The chance that always answering the commonest class passes for learning."""
POWER = 0.8
"""The power that the test must have at an accuracy half-way between the commonest class's share and
1; with less, the images are too few to tell."""
ENOUGH = 0.5
"""The share of a campaign's runs that have to learn, for the others to stand out."""
MANY = 0.25
"""The share of a family's runs beyond which those that learned do not represent it."""


def learned(accuracy: Floats, images: Floats, commonest: Floats) -> Bools:
    """Which accuracies are above the commonest class: an exact binomial test, one-sided, at 1 %.

    Args:
        accuracy: `(n,)` shares of the evaluation images that were classified right.
        images: `(n,)` how many those are.
        commonest: `(n,)` the share of the commonest class among them.
    """
    right = np.rint(accuracy * images)
    above: Bools = (right > 0) & (_or_more(np.maximum(right, 1), images, commonest) <= LEVEL)
    return above


def can_tell(images: float, commonest: float) -> bool:
    """Whether the images are enough for that test: see POWER. Arguments as of `learned`."""
    right = np.arange(1, images + 1)
    passing = right[_or_more(right, images, commonest) <= LEVEL][:1]
    return bool((_or_more(passing, images, (1 + commonest) / 2) >= POWER).any())


def _or_more(right: Floats, images: Floats | float, share: Floats | float) -> Floats:
    """The chance of so many right answers or more where each is right with this probability."""
    from scipy.special import betainc

    chance: Floats = betainc(right, images - right + 1, share)
    return chance


def collapsed(
    accuracy: Floats, images: Floats, commonest: Floats, deciding: Bools | None = None
) -> Bools:
    """Which of a campaign's runs collapsed: not `learned`, while at least half of them have.

    Where fewer have, too little has been trained, or nothing can be learned: nobody collapsed. Runs
    of which something is not known (NaN), or whose images are too few to tell, are not counted, and
    did not collapse. `deciding` `(n,)`: which runs the half is of, by default all.
    """
    known, above = _tested(accuracy, images, commonest)
    counted = known if deciding is None or not (known & deciding).any() else known & deciding
    found: Bools = known & ~above
    return found & bool(counted.any() and above[counted].mean() >= ENOUGH)


def few_learned(accuracy: Floats, images: Floats, commonest: Floats) -> tuple[int, int] | None:
    """How many runs learned and of how many that is known, where those are too few for the others
    to have collapsed; None where they are enough, or nothing is known."""
    known, above = _tested(accuracy, images, commonest)
    few = bool(known.any() and above[known].mean() < ENOUGH)
    return (int(above.sum()), int(known.sum())) if few else None


def _tested(accuracy: Floats, images: Floats, commonest: Floats) -> tuple[Bools, Bools]:
    """Which runs can be judged, and which of them learned, `(n,)` each."""
    known: Bools = ~(np.isnan(accuracy) | np.isnan(images) | np.isnan(commonest))
    for pair in {*zip(images[known].tolist(), commonest[known].tolist(), strict=True)}:
        if not can_tell(*pair):
            known &= ~((images == pair[0]) & (commonest == pair[1]))
    above = np.zeros(len(accuracy), dtype=bool)
    above[known] = learned(accuracy[known], images[known], commonest[known])
    return known, above
