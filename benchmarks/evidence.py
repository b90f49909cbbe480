"""Are the intervals and discoveries of the reports what they say? Campaigns with a planted truth.

    python benchmarks/evidence.py

Effects: 300 stratified candidates of 4 of 29 families, normal effects and an outlying family; noise
that differs between families by a log-normal factor. Synergies: 1,146 candidates, three planted
pairs of 1.5 standard deviations of the noise, equal and unequal. Ranking: 1,146 candidates in
lexicographic order, where every one holds the first family.
"""

import argparse
from itertools import combinations

import numpy as np
from scipy.stats import spearmanr

from nas.effects import Observations, family_effects, synergies
from nas.sample import make_sampler
from nas.spec import Assignment, Member, Record, Space, Subset

FAMILIES, K = 29, 4
PLANTED = {(1, 2): 1.5, (5, 9): 1.5, (10, 20): 1.5}
SPREAD = 0.6
"""Standard deviation of the logarithm of a family's noise."""


def space(families: int = FAMILIES, k: int = K, members: int = 1) -> Space:
    """Families that differ by their names alone."""
    names = [f"f{n:02}" for n in range(families)]
    return Space(
        name="planted",
        experts=Subset(
            k=k,
            families={
                name: tuple(Member(model=f"{name}_{m}") for m in range(members)) for name in names
            },
        ),
    )


def assignments(
    where: Space, count: int, sampler: str = "stratified", seed: int = 0
) -> list[Assignment]:
    """A sampler's first draws, fewer where the space ends."""
    draws = make_sampler(sampler, where, seed)
    records: list[Record] = []
    while len(records) < count and (point := draws.propose(records)) is not None:
        records.append(Record(len(records), point))
    return [record.assignment for record in records]


def design(where: Space, drawn: list[Assignment]) -> Observations:
    """A campaign's draws, without values."""
    return Observations.of(where.families, drawn, [0.0] * len(drawn))


def valued(
    seen: Observations,
    effects: np.ndarray,
    rng: np.random.Generator,
    *,
    sigma: np.ndarray | float = 1.0,
    synergies: dict[tuple[int, int], float] | None = None,
) -> Observations:
    """The same draws with results: effects, synergies in units of the mean noise, and noise whose
    standard deviation is the root mean square of its families' `sigma`."""
    spread = np.broadcast_to(np.asarray(sigma, dtype=float), len(effects))
    scale = np.sqrt(seen.held @ spread**2 / seen.held.sum(axis=1))
    value = seen.held @ effects + scale * rng.standard_normal(len(seen.value))
    for (a, b), size in (synergies or {}).items():
        value = value + size * scale.mean() * (seen.held[:, a] & seen.held[:, b])
    return Observations(seen.families, seen.held, seen.levels, value)


def coverage(campaigns: int, rng: np.random.Generator) -> tuple[float, float]:
    """How often 95 % intervals hold the truth: all families together, and the worst family."""
    seen = design(space(), assignments(space(), 300))
    effects = rng.normal(0, 1, FAMILIES)
    effects[7] += 6
    sigma = np.exp(rng.normal(0, SPREAD, FAMILIES))
    truth = effects - effects.mean()
    covered = []
    for _ in range(campaigns):
        found = family_effects(valued(seen, effects, rng, sigma=sigma))
        covered.append((found.low <= truth) & (truth <= found.high))
    share = np.mean(covered, axis=0)
    return float(share.mean()), float(share.min())


def discoveries(campaigns: int, unequal: bool, rng: np.random.Generator) -> tuple[float, float]:
    """Power, and the mean share of false ones among the pairs with q ≤ 0.05."""
    seen = design(space(), assignments(space(), 1146))
    index = {pair: n for n, pair in enumerate(combinations(range(FAMILIES), 2))}
    planted = {index[pair] for pair in PLANTED}
    found, false = [], []
    for _ in range(campaigns):
        sigma = np.exp(rng.normal(0, SPREAD, FAMILIES)) if unequal else 1.0
        trial = valued(seen, rng.normal(0, 1, FAMILIES), rng, sigma=sigma, synergies=PLANTED)
        named = set(np.flatnonzero(synergies(trial).q_value <= 0.05).tolist())
        found.append(len(named & planted) / len(planted))
        false.append(len(named - planted) / max(1, len(named)))
    return float(np.mean(found)), float(np.mean(false))


def rankings(campaigns: int, rng: np.random.Generator) -> tuple[float, float, float, int]:
    """Mean rank correlation with the truth, adjusted and raw, how often adjusted is better, and how
    many families cannot be told."""
    seen = design(space(), assignments(space(), 1146, "lexicographic"))
    adjusted, raw, untold = [], [], 0
    for _ in range(campaigns):
        effects = rng.normal(0, 1, FAMILIES)
        trial = valued(seen, effects, rng)
        found = family_effects(trial)
        told = ~np.isnan(found.rank)
        untold = int((~told).sum())
        means = (trial.held.T @ trial.value) / trial.counts
        adjusted.append(spearmanr(-found.rank[told], effects[told]).statistic)
        raw.append(spearmanr(means[told], effects[told]).statistic)
    better = np.mean(np.array(adjusted) > np.array(raw))
    return float(np.mean(adjusted)), float(np.mean(raw)), float(better), untold


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--campaigns", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    rng = np.random.default_rng(asked.seed)
    every, worst = coverage(asked.campaigns, rng)
    print(
        f"effects: 95 % intervals hold the truth in {every:.1%} (93 to 97), the worst family's in "
        f"{worst:.1%} (at least 92); {asked.campaigns:,} campaigns"
    )
    for unequal in (False, True):
        power, false = discoveries(asked.campaigns, unequal, rng)
        noise = "unequal" if unequal else "equal"
        print(
            f"synergies, {noise} noise: {power:.1%} of the planted found (at least 80), "
            f"{false:.1%} of the discoveries false (at most 10); {asked.campaigns:,} campaigns"
        )
    adjusted, raw, better, untold = rankings(max(1, asked.campaigns // 10), rng)
    print(
        f"lexicographic: rank correlation with the truth {adjusted:.3f} adjusted, {raw:.3f} by raw "
        f"means, adjusted better in {better:.0%}; {untold} family cannot be told"
    )


if __name__ == "__main__":
    main()
