"""Are the intervals and discoveries of the reports what they say? Campaigns with a planted truth.

    python benchmarks/evidence.py [--world pairs …] [--results 120 …] [--families 29] [--choose 4]
                                  [--campaigns 1000] [--designs 5] [--seed 0] [--workers 1] [--json]

Effects: 120 and 300 stratified candidates of 4 of 29 families in each of the worlds of `worlds.py`,
a truth drawn anew for every campaign. How often 95 % intervals hold it, of all families together
and of the worst family, and how wide they are: as reports show them, and as they were before, HC3
on all results. Synergies: 1,146 candidates, three planted pairs of 1.5 standard deviations of the
noise, equal and unequal. Ranking: 1,146 candidates in lexicographic order, where every one holds
the first family.
"""

import argparse
import json
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from itertools import combinations, product

import numpy as np
from scipy.stats import spearmanr, t
from worlds import SPREAD, WORLDS, Floats, Sets

from nas.sample import make_sampler
from nas.schema import Assignment, ExpertAxis, Member, Record, Space
from nas.stats import Observations, family_effects, synergies
from nas.stats.family_effects import centred, contrasts, estimable, satterthwaite_df

FAMILIES, K = 29, 4
PLANTED = {(1, 2): 1.5, (5, 9): 1.5, (10, 20): 1.5}


def space(families: int = FAMILIES, k: int = K, members: int = 1) -> Space:
    """Families that differ by their names alone."""
    names = [f"f{n:02}" for n in range(families)]
    return Space(
        name="planted",
        experts=ExpertAxis(
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


@dataclass(frozen=True)
class Coverage:
    """Of 95 % intervals, over campaigns of one world; `old` are HC3's on all results."""

    world: str
    results: int
    campaigns: int
    pooled: float
    worst: float
    """Of the family whose intervals hold its truth most seldom."""
    width: float
    """Mean, in standard deviations of a family's effect in the world."""
    old_pooled: float
    old_worst: float
    old_width: float


def hc3(seen: Observations) -> tuple[Floats, Floats]:
    """(F,) effects and half widths as they were: HC3, all unexplained variation taken for noise."""
    weights = contrasts(centred(estimable(seen)), seen)
    shares = (seen.design @ (seen.rotation @ weights.T)) ** 2
    residual = seen.value - seen.basis @ (seen.basis.T @ seen.value)
    kept = 1 - seen.leverage[:, None]
    error = np.sqrt((shares * (residual[:, None] / kept) ** 2).sum(axis=0))
    effect: Floats = weights @ (seen.basis.T @ seen.value)
    return effect, t.ppf(0.975, satterthwaite_df(shares / kept)) * error


def covered(world: str, results: int, campaigns: int, design_seed: int, of: Space) -> Floats:
    """(campaigns, 4, F) of one design: whether today's intervals hold the truth, their widths, and
    the same of the old ones."""
    assert of.experts
    seen = design(of, assignments(of, results, seed=design_seed))
    sets = Sets(len(of.families), of.experts.k)
    rng = np.random.default_rng([design_seed, results, list(WORLDS).index(world)])
    rows = []
    for _ in range(campaigns):
        trial = WORLDS[world](sets, seen, rng)
        scale = trial.truth.std()
        found = family_effects(trial.learned)
        now = np.where(  # a family with too few results has none
            np.isnan(found.low), np.nan, (found.low <= trial.truth) & (trial.truth <= found.high)
        )
        effect, half = hc3(trial.every)
        before = np.abs(effect - trial.truth) <= half
        rows.append([now, (found.high - found.low) / scale, before, 2 * half / scale])
    return np.array(rows, dtype=float)


def coverages(
    worlds: list[str],
    results: list[int],
    campaigns: int,
    designs: int,
    seed: int,
    workers: int,
    of: Space,
) -> Iterator[Coverage]:
    """Each world at each number of results; the campaigns are shared out over the designs."""
    each = -(-campaigns // designs)
    with ProcessPoolExecutor(workers) as pool:
        todo = [
            (
                world,
                count,
                [pool.submit(covered, world, count, each, seed + n, of) for n in range(designs)],
            )
            for count, world in product(results, worlds)
        ]
        for world, count, parts in todo:
            found = np.concatenate([part.result() for part in parts])
            share = np.nanmean(found, axis=0)
            yield Coverage(
                *(world, count, len(found)),
                *(float(share[0].mean()), float(share[0].min()), float(share[1].mean())),
                *(float(share[2].mean()), float(share[2].min()), float(share[3].mean())),
            )


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
    """Mean rank correlation with the truth, adjusted and raw, how often adjusted is better, and for
    how many families no effect can be estimated."""
    seen = design(space(), assignments(space(), 1146, "lexicographic"))
    adjusted, raw, missing = [], [], 0
    for _ in range(campaigns):
        effects = rng.normal(0, 1, FAMILIES)
        trial = valued(seen, effects, rng)
        found = family_effects(trial)
        reported = ~np.isnan(found.rank)
        missing = int((~reported).sum())
        means = (trial.held.T @ trial.value) / trial.counts
        adjusted.append(spearmanr(-found.rank[reported], effects[reported]).statistic)
        raw.append(spearmanr(means[reported], effects[reported]).statistic)
    better = np.mean(np.array(adjusted) > np.array(raw))
    return float(np.mean(adjusted)), float(np.mean(raw)), float(better), missing


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--world", nargs="+", choices=WORLDS, default=list(WORLDS))
    parser.add_argument("--results", type=int, nargs="+", default=[120, 300])
    parser.add_argument("--families", type=int, default=FAMILIES)
    parser.add_argument("--choose", type=int, default=K)
    parser.add_argument("--campaigns", type=int, default=1000)
    parser.add_argument("--designs", type=int, default=5, help="sampler seeds they are shared over")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--effects", action="store_true", help="effects alone")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, of effects")
    requests = parser.parse_args()
    for found in coverages(
        *(
            requests.world,
            requests.results,
            requests.campaigns,
            requests.designs,
            requests.seed,
            requests.workers,
        ),
        space(requests.families, requests.choose),
    ):
        if requests.json:
            print(json.dumps(asdict(found)), flush=True)
        else:
            print(
                f"effects, {found.world}, {found.results} results: 95 % intervals hold the truth in"
                f" {found.pooled:.1%} (93 to 97), the worst family's in {found.worst:.1%} (at least"
                f" 92), {found.width:.2f} wide; HC3 on all results {found.old_pooled:.1%},"
                f" {found.old_worst:.1%}, {found.old_width:.2f}; {found.campaigns:,} campaigns",
                flush=True,
            )
    if requests.effects or requests.json:
        return
    rng = np.random.default_rng(requests.seed)
    for unequal in (False, True):
        power, false = discoveries(requests.campaigns, unequal, rng)
        noise = "unequal" if unequal else "equal"
        print(
            f"synergies, {noise} noise: {power:.1%} of the planted found (at least 80), "
            f"{false:.1%} of the discoveries false (at most 10); {requests.campaigns:,} campaigns"
        )
    adjusted, raw, better, missing = rankings(max(1, requests.campaigns // 10), rng)
    print(
        f"lexicographic: rank correlation with the truth {adjusted:.3f} adjusted, {raw:.3f} by raw "
        f"means, adjusted better in {better:.0%}; {missing} families without an estimate"
    )


if __name__ == "__main__":
    main()
