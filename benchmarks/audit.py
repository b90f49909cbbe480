"""Does the coverage audit leave fair campaigns alone, and see an unfair one soon?

    python benchmarks/audit.py

Uniform campaigns are simulated all at once, without the sampler (drawing 4 of 29 with a generator
and repeats, which is harder on the audit than drawing without them); stratified and lexicographic
ones come from the samplers themselves. Checks families and pairs; a space with members and settings
is checked by the tests.
"""

import argparse
import time
from math import log

import numpy as np

from nas.sample import make_sampler
from nas.schema import ExpertAxis, Member, Record, Space
from nas.stats import ALPHA, Audit, Draw, LevelCounts, Martingale
from nas.stats.martingale import log_mean

FAMILIES, K, DRAWS = 29, 4, 1146
BLOCK = 25
"""Campaigns simulated at once."""


def space() -> Space:
    names = [f"family{n:02}" for n in range(FAMILIES)]
    families = {name: (Member(model=name),) for name in names}
    return Space(name="audit", experts=ExpertAxis(k=K, families=families))


def flagged_at(weight: float, campaigns: int, seed: int) -> np.ndarray:
    """(campaigns,) the draw at which each is flagged, infinite for those that never are.

    Families are drawn without repeats in a candidate, the first with this weight against 1.
    """
    rng = np.random.default_rng(seed)
    groups = LevelCounts(space()).groups
    a, b = np.triu_indices(FAMILIES, 1)
    flagged = []
    for start in range(0, campaigns, BLOCK):
        count = min(BLOCK, campaigns - start)
        arrival = rng.exponential(size=(count, DRAWS, FAMILIES)).astype(np.float32)
        arrival[..., 0] = arrival[..., 0] / weight if weight else np.inf  # the first k are drawn
        chosen = arrival.argpartition(K, axis=-1)
        held = np.zeros((count, DRAWS, FAMILIES), dtype=bool)
        np.put_along_axis(held, chosen[..., :K], True, axis=-1)
        hits = held, held[..., a] & held[..., b]
        paths = [
            log_mean(Martingale(group.low, group.high, count).add(hit, np.ones_like(hit)))
            for group, hit in zip(groups, hits, strict=True)
        ]
        certain = log_mean(np.stack(paths, axis=-1)) >= -log(ALPHA)
        flagged.append(np.where(certain.any(axis=1), 1 + certain.argmax(axis=1), np.inf))
    return np.concatenate(flagged)


def drawn(sampler: str, seed: int, count: int) -> tuple[Audit, float]:
    """An audit of a sampler's draws, and its seconds a draw when looked at after every one."""
    where = space()
    draws, audit, records, spent = make_sampler(sampler, where, seed), Audit(where), [], 0.0
    for number in range(count):
        point = draws.propose(records)
        if point is None:
            break
        records.append(Record(number, point))
        start = time.perf_counter()
        audit.add([Draw(point)])
        spent += time.perf_counter() - start
    return audit, spent / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--uniform", type=int, default=10_000, help="campaigns")
    parser.add_argument("--stratified", type=int, default=200, help="campaigns")
    parser.add_argument("--unfair", type=int, default=500, help="campaigns of each kind")
    parser.add_argument("--seed", type=int, default=0)
    requests = parser.parse_args()
    print(f"{FAMILIES} families, {K} a candidate, {DRAWS:,} draws; alpha {ALPHA}")
    verdict = drawn("lexicographic", 0, 16)[0].verdict
    print(f"lexicographic: {verdict.line}")
    alarms, seconds = 0, []
    for seed in range(requests.stratified):
        audit, spent = drawn("stratified", seed, DRAWS)
        alarms += audit.verdict.verdict != "fair"
        seconds.append(spent)
    print(
        f"stratified: {alarms} of {requests.stratified} campaigns flagged (none may be); "
        f"the audit takes {1e3 * float(np.median(seconds)):.2f} ms a draw"
    )
    for weight, what in ((0, "never drawn"), (2, "of double weight")):
        at = flagged_at(weight, requests.unfair, requests.seed)
        low, middle, high = np.quantile(at, (0.05, 0.5, 0.95), method="inverted_cdf")
        print(f"one family {what}: flagged at draw {middle:g} (5–95 %: {low:g}–{high:g})")
    alarms = int(np.isfinite(flagged_at(1, requests.uniform, requests.seed)).sum())
    print(
        f"uniform: {alarms} of {requests.uniform:,} campaigns flagged anywhere on their way: "
        f"{alarms / requests.uniform:.2%} (at most 1 %)"
    )


if __name__ == "__main__":
    main()
