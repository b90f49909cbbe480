"""Counts of draws within one phase."""

import numpy as np

from nas.sample.grid import Grid, Levels


class DrawCounts:
    """Counts of one phase's draws.

    Attributes:
        pairs: (n, n) draws of each pair of families; its diagonal counts the families.
        members: for each family, (m,) draws of each member.
        family_values: (n, V) draws of each family together with each value of a choice.
        values: (V, V) draws of each pair of values; its diagonal counts the values.
    """

    def __init__(self, grid: Grid) -> None:
        n, total = len(grid.families), sum(grid.widths)
        self.pairs = np.zeros((n, n), dtype=np.int64)
        self.members = [np.zeros(size, dtype=np.int64) for size in grid.sizes]
        self.family_values = np.zeros((n, total), dtype=np.int64)
        self.values = np.zeros((total, total), dtype=np.int64)

    def add(self, levels: Levels) -> None:
        """Counts one draw."""
        families = np.array(levels.families, dtype=np.intp)
        values = np.array(levels.values, dtype=np.intp)
        self.pairs[families[:, None], families] += 1
        for family, member in zip(levels.families, levels.members, strict=True):
            self.members[family][member] += 1
        self.family_values[families[:, None], values] += 1
        self.values[values[:, None], values] += 1
