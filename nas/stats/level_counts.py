"""Counts of the levels in each draw, and their probabilities in a fair draw.

Levels are families, pairs of families, the members of a family and the settings of a choice. A fair
draw gives families equal probabilities (as `stratified` does) or points (as `uniform` does, so that
a family with more members is drawn more often), or anything in between.

Symbols: F families, k of them in a candidate, w(f) members of family f.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, combinations, repeat
from math import comb

import numpy as np
from numpy.typing import NDArray

from nas.schema import Assignment, Space
from nas.schema.symmetric import divided, symmetric

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Group:
    """Levels of one kind, and the smallest and largest probability of each in a fair draw."""

    kind: str
    names: tuple[str, ...]
    low: Floats
    high: Floats


class LevelCounts:
    """Counts which levels of each group a space's assignments contain."""

    def __init__(self, space: Space) -> None:
        self.groups: list[Group] = []
        self._families = {family: place for place, family in enumerate(space.families)}
        families, k = space.families, space.k
        sizes = [len(space.groups[family]) for family in families]
        self._grouped = k < len(families)  # where k = F, every candidate holds them all
        if self._grouped:
            self._add(space.kinds[0], families, *_range(len(families), k, sizes, 1))
        self._pairs = np.triu_indices(len(families), 1) if self._grouped and k > 1 else None
        if self._pairs is not None:
            names = [f"{families[a]}+{families[b]}" for a, b in zip(*self._pairs, strict=True)]
            self._add("pair", names, *_range(len(families), k, sizes, 2))
        several = [
            (f, m) for f, members in space.groups.items() for m in members if len(members) > 1
        ]
        self._members = {model: place for place, (_, model) in enumerate(several)}
        self._family_of = np.array([self._families[family] for family, _ in several], dtype=int)
        if several:
            chance = np.array([1 / len(space.groups[family]) for family, _ in several])
            self._add(space.kinds[1], [model for _, model in several], chance, chance)
        self._choices = [choice for choice in space.choices if len(choice.values) > 1]
        for choice in self._choices:
            even = np.full(len(choice.values), 1 / len(choice.values))
            self._add(choice.name, [str(value) for value in choice.values], even, even)

    def counts(self, draws: Sequence[Assignment], starts: Sequence[int]) -> list[tuple[Ints, Ints]]:
        """For each group, the number of a look's draws that contain each level, and that could
        have: `(T, L)` each for T looks; `starts` gives the index of each look's first draw.

        A draw could contain a member if it contains its family. Levels that are not in the space
        are ignored.
        """
        held = self.families(draws)
        sizes = np.diff([*starts, len(draws)])[:, None]
        found = [_summed(held, starts)] if self._grouped else []
        if self._pairs is not None:
            found.append(self._pair_counts(held, starts))
        counts = [(hits, np.broadcast_to(sizes, hits.shape)) for hits in found]
        if self._members:
            models = [[pick.model for pick in draw.picks] for draw in draws]
            could = _summed(held, starts)[:, self._family_of]
            counts.append((_summed(_held(models, self._members), starts), could))
        for choice in self._choices:
            places = {repr(value): place for place, value in enumerate(choice.values)}
            values = [[repr(v) for name, v in d.choices if name == choice.name] for d in draws]
            hits = _summed(_held(values, places), starts)
            counts.append((hits, np.broadcast_to(sizes, hits.shape)))
        return counts

    def _pair_counts(self, held: Bools, starts: Sequence[int]) -> Ints:
        assert self._pairs is not None
        if len(starts) == len(held):
            return (held[:, self._pairs[0]] & held[:, self._pairs[1]]).astype(np.int64)
        looks = np.split(held.astype(np.float64), starts[1:])
        return np.array([(look.T @ look)[self._pairs] for look in looks]).astype(np.int64)

    def families(self, draws: Sequence[Assignment]) -> Bools:
        """Which families T draws contain, `(T, F)`."""
        return _held([draw.families for draw in draws], self._families)

    def _add(self, kind: str, names: Sequence[str], low: Floats, high: Floats) -> None:
        self.groups.append(Group(kind, tuple(names), low, high))


def _held(held: Sequence[Sequence[str]], places: Mapping[str, int]) -> Bools:
    """`(T, L)` from the names that each draw contains."""
    column = np.fromiter(map(places.get, chain.from_iterable(held), repeat(-1)), dtype=np.int64)
    row = np.repeat(np.arange(len(held)), [len(names) for names in held])
    hit = np.zeros((len(held), len(places)), dtype=bool)
    hit[row[column >= 0], column[column >= 0]] = True
    return hit


def _summed(held: Bools, starts: Sequence[int]) -> Ints:
    """`(T, L)`: sums over the draws of each look."""
    summed: Ints = np.add.reduceat(held, starts, dtype=np.int64)
    return summed


def _range(count: int, k: int, sizes: Sequence[int], of: int) -> tuple[Floats, Floats]:
    """The smallest and largest fair probability of each family (`of` 1) or pair (`of` 2)."""
    even = comb(count - of, k - of) / comb(count, k)
    by_points = _shares(sizes, k, list(combinations(range(count), of)))
    return np.minimum(even, by_points), np.maximum(even, by_points)


def _shares(sizes: Sequence[int], k: int, sets: Sequence[tuple[int, ...]]) -> Floats:
    """For each set of families, the share of a space's points that contain it.

    w(set) · e_{k−|set|}(the others) / e_k(all): see nas.schema.symmetric.
    """
    every = symmetric(sizes, k)
    shares = []
    for chosen in sets:
        weight, rest = 1, every
        for family in chosen:
            weight *= sizes[family]
            rest = divided(rest, sizes[family])
        shares.append(weight * rest[k - len(chosen)] / every[k])
    return np.array(shares)
