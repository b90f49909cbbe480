"""Sampler balance and speed: `python benchmarks/sampler.py [--json]`.

Balance: how far apart family counts and pair counts lie after 1,146 draws of 4 from 29, the size
of the published campaign, over seeds. `shuffle` is what that campaign's paper calls stratified:
all C(29,4) quartets in one random order.

Speed: one draw after another in one process, without training between them, in spaces of 1 to 3
members a family and two gate settings of 2 and 3 values; then the first draw of a new sampler
that finds 5,000 records. Wall time, and for the slowest draws CPU time too: on a busy machine the
difference is waiting for a core.
"""

import argparse
import gc
import json
import platform
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import combinations, islice
from typing import Any

import numpy as np

from nas.sample import make_sampler
from nas.schema import Assignment, Choice, ExpertAxis, Member, Record, Space

FAMILIES, EXPERTS, DRAWS = 29, 4, 1146
REPLAY = 5000
SAMPLERS = ("stratified", "uniform", "lexicographic")


def make_space(families: int, members: int, values: Sequence[int]) -> Space:
    """`families` families of 1 to `members` members, and one choice for each of `values`."""
    return Space(
        name="benchmark",
        experts=ExpertAxis(
            k=EXPERTS,
            families={
                f"family{i:03d}": tuple(
                    Member(model=f"model{i:03d}_{m}") for m in range(1 + i % members)
                )
                for i in range(families)
            },
        ),
        choices=tuple(
            Choice(name=f"choice{j}", values=tuple(range(n))) for j, n in enumerate(values)
        ),
    )


def draw(
    name: str, space: Space, seed: int, count: int
) -> tuple[list[Record], np.ndarray[tuple[int, int], np.dtype[np.float64]]]:
    """`count` records, and each draw's milliseconds: (count, 2) of wall time and CPU time."""
    sampler = make_sampler(name, space, seed)
    records: list[Record] = []
    taken = []
    for number in range(count):
        start, start_cpu = time.perf_counter(), time.process_time()
        assignment = sampler.propose(records)
        taken.append((time.perf_counter() - start, time.process_time() - start_cpu))
        assert isinstance(assignment, Assignment)
        records.append(Record(number, assignment))
    return records, 1e3 * np.array(taken)


def spreads(quartets: Iterable[Sequence[str]], families: Sequence[str]) -> tuple[int, int]:
    """Largest less smallest count, over families and over pairs of families."""
    single: Counter[str] = Counter(dict.fromkeys(families, 0))
    pair: Counter[tuple[str, str]] = Counter(dict.fromkeys(combinations(families, 2), 0))
    for quartet in quartets:
        single.update(quartet)
        pair.update(combinations(quartet, 2))
    return (
        max(single.values()) - min(single.values()),
        max(pair.values()) - min(pair.values()),
    )


def shuffled(families: Sequence[str], seed: int) -> list[Sequence[str]]:
    """The first draws of one random order of all quartets."""
    every = list(combinations(families, EXPERTS))
    order = np.random.default_rng(seed).permutation(len(every))
    return [every[i] for i in islice(order, DRAWS)]


def balance(seeds: int) -> list[dict[str, Any]]:
    """A row a sampler: the spreads' mean and extremes over seeds."""
    space = make_space(FAMILIES, 1, ())
    rows = []
    for name in ("stratified", "shuffle", "uniform", "lexicographic"):
        found = []
        for seed in range(seeds):
            if name == "shuffle":
                quartets = shuffled(space.families, seed)
            else:
                records, _ = draw(name, space, seed, DRAWS)
                quartets = [record.assignment.families for record in records]
            found.append(spreads(quartets, space.families))
        family, pair = np.array(found).T
        rows.append(
            {
                "sampler": name,
                "seeds": seeds,
                "family_spread_mean": float(family.mean()),
                "family_spread_min": int(family.min()),
                "family_spread_max": int(family.max()),
                "pair_spread_mean": float(pair.mean()),
                "pair_spread_min": int(pair.min()),
                "pair_spread_max": int(pair.max()),
            }
        )
    return rows


def speed() -> list[dict[str, Any]]:
    """A row a sampler and number of families; times in milliseconds."""
    rows = []
    for families in (FAMILIES, 100):
        space = make_space(families, 3, (2, 3))
        for name in SAMPLERS:
            records, taken = draw(name, space, 0, REPLAY)
            gc.collect()  # or the records' garbage is collected inside the measured replay
            cold = make_sampler(name, space, 0)
            start = time.perf_counter()
            cold.propose(records)
            replay = time.perf_counter() - start
            rows.append(
                {
                    "sampler": name,
                    "families": families,
                    "first_ms": float(taken[0, 0]),
                    "median_ms": float(np.median(taken[:, 0])),
                    "p99_ms": float(np.quantile(taken[:, 0], 0.99)),
                    "p99_cpu_ms": float(np.quantile(taken[:, 1], 0.99)),
                    "replay_ms": 1e3 * replay,
                }
            )
    return rows


def show(title: str, rows: Sequence[dict[str, Any]]) -> None:
    """Prints rows as a Markdown table."""
    print(f"\n{title}\n")
    print("| " + " | ".join(rows[0]) + " |")
    print("|" + "---|" * len(rows[0]))
    for row in rows:
        cells = (f"{v:.2f}" if isinstance(v, float) else str(v) for v in row.values())
        print("| " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="one JSON object instead of tables")
    parser.add_argument("--seeds", type=int, default=5, help="seeds of the balance table")
    options = parser.parse_args()
    machine = f"{platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}"
    timed = speed()
    balanced = balance(options.seeds)
    if options.json:
        print(json.dumps({"machine": machine, "balance": balanced, "speed": timed}))
        return
    print(machine)
    show(f"Largest less smallest count after {DRAWS} draws of {EXPERTS} from {FAMILIES}", balanced)
    show(f"Milliseconds a draw over {REPLAY} draws; replay: the first draw of a new sampler", timed)


if __name__ == "__main__":
    main()
