"""Uniform sampling without replacement."""

from collections.abc import Sequence

import numpy as np

from nas.sample.base import Sampler
from nas.sample.grid import Point
from nas.sample.ranks import RemainingPoints
from nas.schema import Phase, Record


class UniformSampler(Sampler):
    """Draws every undrawn point with equal probability.

    Points, not subsets: a family with more members is in more points and is drawn more often. A
    random index among the undrawn points is unranked, so no list and no rejection is needed, and
    the last point of a space costs as much as the first. The order of the records has no effect.
    """

    def _reset(self) -> None:
        self._undrawn: dict[tuple[int, ...], RemainingPoints] = {}

    def _choose(
        self,
        records: Sequence[Record],
        phase: Phase,
        eligible: tuple[int, ...],
        rng: np.random.Generator,
    ) -> Point | None:
        if eligible not in self._undrawn:
            self._undrawn[eligible] = RemainingPoints(self.grid, eligible)
        undrawn = self._undrawn[eligible]
        undrawn.fold(self._points)
        return undrawn.at(below(undrawn.left, rng)) if undrawn.left else None


def below(limit: int, rng: np.random.Generator) -> int:
    """A uniform integer in [0, limit) of any size; numpy's are limited to 64 bits."""
    bits = (limit - 1).bit_length()
    while True:
        number = int.from_bytes(rng.bytes(bits // 8 + 1)) % (1 << bits)
        if number < limit:
            return number
