"""Campaigns whose families' effects are known, for `benchmarks/evidence.py`.

The truth is `FamilyEffects.effect` of the accuracies without noise, over all sets of k families:
with m the mean over the sets that hold a family, (m − mean of m) · (F − 1)/(F − k), for of two
families' sets those that hold both are the same. In units of the noise's standard deviation.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from nas.stats import Observations
from nas.stats.collapse import collapsed

Floats = NDArray[np.float64]

SPREAD = 0.6
"""Standard deviation of the logarithm of a family's noise."""
PAIR = 0.7
"""Standard deviation of what a pair of families is worth beyond their sum."""
HEAVY = 3
"""Degrees of freedom of the heavy tails."""
COLLAPSES, DEPTH = 0.03, 25
"""The share of runs that collapse, and how many noises lie between the others and chance."""
GOOD, CHANCE, IMAGES = 0.8, 0.1, 1000
"""Mean accuracy, that of the commonest class, and validation images."""


@dataclass(frozen=True)
class Planted:
    """A campaign's results, and the truth about its families, `(F,)`, in the same units."""

    every: Observations
    """All results."""
    learned: Observations
    """Less those that are found to have collapsed."""
    truth: Floats


class Sets:
    """All sets of k of F families: truths over them, in one product."""

    def __init__(self, families: int, k: int) -> None:
        self.of = np.array(list(combinations(range(families), k)))
        self._held = np.zeros((families, len(self.of)))
        self._held[self.of.T, np.arange(len(self.of))] = 1.0
        self._scale = (families - 1) / (families - k)

    def effects(self, accuracy: Floats) -> Floats:
        """(F,) from the accuracy of each set."""
        means = (self._held @ accuracy) / self._held.sum(axis=1)
        found: Floats = (means - means.mean()) * self._scale
        return found


Draw = Callable[["Sets", Observations, np.random.Generator], Planted]


def _additive(
    seen: Observations, effects: Floats, noise: Floats, more: Floats | float = 0.0
) -> Observations:
    value = seen.held @ effects + more + noise
    return Observations(seen.families, seen.held, seen.levels, value)


def _planted(seen: Observations, truth: Floats) -> Planted:
    return Planted(seen, seen, truth)


def plain(sets: Sets, seen: Observations, rng: np.random.Generator) -> Planted:
    """Normal effects, equal normal noise."""
    effects = rng.normal(0, 1, len(seen.families))
    noise = rng.standard_normal(len(seen.value))
    return _planted(_additive(seen, effects, noise), effects - effects.mean())


def unequal(sets: Sets, seen: Observations, rng: np.random.Generator) -> Planted:
    """An outlying family, and noise that differs between families by a log-normal factor."""
    effects = rng.normal(0, 1, len(seen.families))
    effects[len(effects) // 4] += 6
    sigma = np.exp(rng.normal(0, SPREAD, len(effects)))
    scale = np.sqrt(seen.held @ sigma**2 / seen.held.sum(axis=1))
    noise = scale * rng.standard_normal(len(seen.value))
    return _planted(_additive(seen, effects, noise), effects - effects.mean())


def pairs(sets: Sets, seen: Observations, rng: np.random.Generator) -> Planted:
    """Each pair of families is worth something of its own: a normal draw."""
    effects = rng.normal(0, 1, len(seen.families))
    worth = np.triu(rng.normal(0, PAIR, (len(effects), len(effects))), 1)
    both = sum(worth[sets.of[:, a], sets.of[:, b]] for a, b in _places(sets))
    truth = sets.effects(effects[sets.of].sum(axis=1) + both)
    held = seen.held.astype(float)
    more = np.einsum("nf,fg,ng->n", held, worth, held)
    return _planted(_additive(seen, effects, rng.standard_normal(len(held)), more), truth)


def best(sets: Sets, seen: Observations, rng: np.random.Generator) -> Planted:
    """A mixture is as good as its best expert: qualities with twice the noise's deviation."""
    quality = rng.normal(0, 2, len(seen.families))
    truth = sets.effects(quality[sets.of].max(axis=1))
    value = np.where(seen.held, quality, -np.inf).max(axis=1)
    noise = rng.standard_normal(len(value))
    return _planted(_additive(seen, np.zeros(len(quality)), noise, value), truth)


def heavy(sets: Sets, seen: Observations, rng: np.random.Generator) -> Planted:
    """Noise of Student's t, scaled to one standard deviation."""
    effects = rng.normal(0, 1, len(seen.families))
    noise = rng.standard_t(HEAVY, len(seen.value)) / np.sqrt(HEAVY / (HEAVY - 2))
    return _planted(_additive(seen, effects, noise), effects - effects.mean())


def collapses(sets: Sets, seen: Observations, rng: np.random.Generator) -> Planted:
    """Some runs end at chance, whatever they hold; the truth is of the others. In accuracies."""
    unit = (GOOD - CHANCE) / DEPTH
    effects = rng.normal(0, 1, len(seen.families))
    noise = rng.standard_normal(len(seen.value))
    whole = _additive(seen, unit * (effects - effects.mean()), GOOD + unit * noise)
    value = np.clip(whole.value, 0, 1)
    lost = rng.random(len(value)) < COLLAPSES
    value[lost] = rng.binomial(IMAGES, CHANCE, int(lost.sum())) / IMAGES
    every = Observations(seen.families, seen.held, seen.levels, value)
    images, chance = np.full(len(value), float(IMAGES)), np.full(len(value), CHANCE)
    learned = every.only(~collapsed(value, images, chance))
    return Planted(every, learned, unit * (effects - effects.mean()))


def _places(sets: Sets) -> list[tuple[int, int]]:
    return list(combinations(range(sets.of.shape[1]), 2))


WORLDS: dict[str, Draw] = {
    "plain": plain,
    "unequal": unequal,
    "pairs": pairs,
    "max": best,
    "heavy": heavy,
    "collapses": collapses,
}
