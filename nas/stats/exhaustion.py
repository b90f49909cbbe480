"""Detects when a space is nearly exhausted, so that the remaining points determine the draws."""

from collections import Counter
from collections.abc import Sequence
from math import prod

from nas.schema import Assignment, Space

LEFT = 0.1
"""The space counts as exhausted once this share of family sets has no points left."""


class ExhaustionTracker:
    """Counts the remaining points of each set of families."""

    def __init__(self, space: Space) -> None:
        self._sizes = {family: len(members) for family, members in space.groups.items()}
        self._settings = prod(len(choice.values) for choice in space.choices)
        self._drawn: Counter[tuple[str, ...]] = Counter()
        self._used_up = 0
        self._sets = space.subsets

    def free(self, draws: Sequence[Assignment]) -> Sequence[Assignment]:
        """The draws before the space is exhausted, up to the one that exhausts it."""
        if self._used_up > LEFT * self._sets:
            return []
        for place, draw in enumerate(draws):
            families = draw.families
            self._drawn[families] += 1
            if self._drawn[families] < self._settings:  # the number of points with one member each
                continue
            points = self._settings * prod(self._sizes.get(family, 1) for family in families)
            self._used_up += self._drawn[families] == points
            if self._used_up > LEFT * self._sets:
                return draws[: place + 1]
        return draws
