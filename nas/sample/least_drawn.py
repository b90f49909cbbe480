"""Chooses the members and settings of a subset that were drawn least."""

from collections.abc import Collection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nas.sample.draw_counts import DrawCounts
from nas.sample.grid import Grid

_CELLS = 4096
"""Maximum number of cells that are compared, unless more than half as many are drawn already."""
_STEP = 1 << 30
"""Weight of one draw of imbalance: larger than any sum of joint counts."""


class Combination(NamedTuple):
    """Members and values for one subset, as the digits of a Point."""

    digits: tuple[int, ...]
    excess: int
    """Sum over its members and values of their draws minus those of the least drawn on the axis."""


def least_drawn_combination(
    grid: Grid,
    tally: DrawCounts,
    subset: tuple[int, ...],
    taken: Collection[tuple[int, ...]],
    rng: np.random.Generator,
) -> Combination:
    """The undrawn cell of a subset that keeps the counts of members and values most even.

    Cells are compared by `excess`, then by how often their values were drawn together with each
    other and with these families, then at random. On very long axes only the least drawn values are
    compared. `taken`: the drawn cells; there must be an undrawn one.
    """
    n_values = len(grid.widths)
    counts = [tally.members[family] for family in subset]
    joint = [np.zeros(len(count), dtype=np.int64) for count in counts]
    together = tally.family_values[list(subset)].sum(axis=0)
    for start, width in zip(grid.starts, grid.widths, strict=True):
        span = slice(start, start + width)
        counts.append(tally.values.diagonal()[span])
        joint.append(together[span] - together[span].min())
    if not counts:
        return Combination((), 0)
    excess = [count - count.min() for count in counts]

    # The least drawn first; ties, which matter on truncated axes, are broken at random.
    costs = [_STEP * e + j for e, j in zip(excess, joint, strict=True)]
    options = [np.lexsort((rng.random(len(cost)), cost)) for cost in costs]
    options = _truncate(options, max(_CELLS, 2 * (len(taken) + 1)))
    chosen = _product(options)
    score = np.zeros(len(chosen[0]))
    for cost, column in zip(costs, chosen, strict=True):
        score += cost[column]
    first = len(subset)
    for a in range(n_values):
        for b in range(a):
            rows, columns = chosen[first + a] + grid.starts[a], chosen[first + b] + grid.starts[b]
            score += tally.values[rows, columns]
    for cell in np.argsort(score + rng.random(len(score))):
        digits = tuple(int(column[cell]) for column in chosen)
        if digits not in taken:
            return Combination(digits, sum(int(e[d]) for e, d in zip(excess, digits, strict=True)))
    raise AssertionError("every cell of the subset is drawn")


def _truncate(options: list[NDArray[np.intp]], limit: int) -> list[NDArray[np.intp]]:
    """Shortens the longest axes until their product is at most `limit`, not below half of it."""
    lengths = [len(option) for option in options]
    while np.prod(lengths, dtype=np.float64) > limit:
        lengths[int(np.argmax(lengths))] -= 1
    return [option[:length] for option, length in zip(options, lengths, strict=True)]


def _product(options: list[NDArray[np.intp]]) -> list[NDArray[np.intp]]:
    """The Cartesian product: for each axis, its option in every cell."""
    cells = np.arange(np.prod([len(option) for option in options]))
    columns = []
    for option in reversed(options):
        cells, digit = np.divmod(cells, len(option))
        columns.append(option[digit])
    return columns[::-1]
