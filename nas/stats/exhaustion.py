"""How long a space leaves a draw free."""

from collections import Counter
from collections.abc import Sequence
from math import comb, prod

from nas.schema import Assignment, Space

LEFT = 0.1
"""The share of family sets that may be used up before what is left decides what is drawn."""


class ExhaustionTracker:
    """Counts the points that are left of each set of families."""

    def __init__(self, space: Space) -> None:
        axis = space.experts
        self._sizes = {family: len(ms) for family, ms in axis.families.items()} if axis else {}
        self._settings = prod(len(choice.values) for choice in space.choices)
        self._drawn: Counter[tuple[str, ...]] = Counter()
        self._used_up = 0
        self._sets = comb(len(self._sizes), axis.k) if axis else 1

    def free(self, draws: Sequence[Assignment]) -> Sequence[Assignment]:
        """The first of these draws, up to the one after which too many sets are used up."""
        if self._used_up > LEFT * self._sets:
            return []
        for place, draw in enumerate(draws):
            families = draw.families
            self._drawn[families] += 1
            if self._drawn[families] < self._settings:  # as many as one member each would have
                continue
            points = self._settings * prod(self._sizes.get(family, 1) for family in families)
            self._used_up += self._drawn[families] == points
            if self._used_up > LEFT * self._sets:
                return draws[: place + 1]
        return draws
