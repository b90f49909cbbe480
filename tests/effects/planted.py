"""Campaigns with a known truth: families' effects, synergies, and noise that is not equal."""

from itertools import combinations

import numpy as np

from nas.effects import Observations
from nas.sample import make_sampler
from nas.spec import Assignment, Member, Record, Space, Subset


def space(families: int, k: int = 4, members: int = 1) -> Space:
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
    draws = make_sampler(sampler, where, seed)
    records: list[Record] = []
    while len(records) < count and (point := draws.propose(records)) is not None:
        records.append(Record(len(records), point))
    return [record.assignment for record in records]


def design(where: Space, drawn: list[Assignment]) -> Observations:
    return Observations.of(where.families, drawn, [0.0] * len(drawn))


def valued(
    seen: Observations,
    effects: np.ndarray,
    rng: np.random.Generator,
    *,
    sigma: np.ndarray | float = 1.0,
    synergies: dict[tuple[int, int], float] | None = None,
) -> Observations:
    """The same draws with values: effects, synergies, and noise whose standard deviation is the
    root mean square of its families' `sigma`."""
    spread = np.broadcast_to(np.asarray(sigma, dtype=float), len(effects))
    k = seen.held.sum(axis=1)
    scale = np.sqrt(seen.held @ spread**2 / k)
    value = seen.held @ effects + scale * rng.standard_normal(len(seen.value))
    for (a, b), size in (synergies or {}).items():
        value = value + size * (seen.held[:, a] & seen.held[:, b])
    return Observations(seen.families, seen.held, seen.contrasts, value)


def pair_index(families: int, a: int, b: int) -> int:
    return list(combinations(range(families), 2)).index((a, b))
