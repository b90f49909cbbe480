"""The search behind `stratified`, against brute force and by hand."""

from itertools import combinations
from math import comb

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sample_spaces import every_point, make_space

from nas.sample.draw_counts import DrawCounts
from nas.sample.grid import Grid
from nas.sample.least_drawn import least_drawn_combination
from nas.sample.subsets import level_subsets


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_by_hand() -> None:
    # Draws so far: {0,1} {0,2} {3,4}: counts 2 1 1 1 1, families 1 to 4 are one draw behind.
    counts = np.array([2, 1, 1, 1, 1])
    pairs = np.zeros((5, 5), dtype=np.int64)
    for a, b in [(0, 1), (0, 2), (3, 4)]:
        pairs[a, b] = pairs[b, a] = 1
    found = level_subsets(counts, pairs, 2, 100, rng())
    # Within 1…4, {3,4} was drawn. {1,2} was not, but would leave {3,4} to be drawn again, cost 1
    # for either; each of the other four leaves a pair that was not drawn: cost 0.
    assert {tuple(row) for row in found.subsets[:4]} == {(1, 3), (1, 4), (2, 3), (2, 4)}
    assert {tuple(row) for row in found.subsets[4:6]} == {(1, 2), (3, 4)}
    # Family 0 lies 1 above the lowest, so every subset that holds it comes last.
    assert found.imbalance.tolist() == [0.0] * 6 + [1.0] * 4


def test_squares_avoid_the_most_frequent_pair() -> None:
    # Pair counts of {0,1,2}: 2, 0, 0 → 4. Of {3,4,5}: 1, 1, 1 → 3, so it is the better.
    pairs = np.full((6, 6), 9)
    pairs[:3, :3] = 0
    pairs[0, 1] = pairs[1, 0] = 2
    pairs[3:, 3:] = 1
    found = level_subsets(np.zeros(6, dtype=np.int64), pairs, 3, 100, rng())
    # Either leaves the other to be drawn, so the two tie, ahead of all that mix them.
    assert {tuple(row) for row in found.subsets[:2]} == {(0, 1, 2), (3, 4, 5)}
    # With the six all a draw ahead of a seventh and eighth, nothing is left behind: 3 beats 4.
    wide = np.zeros((8, 8), dtype=np.int64)
    wide[:6, :6] = pairs
    counts = np.array([1, 1, 1, 1, 1, 1, 0, 0])
    order = [tuple(row) for row in level_subsets(counts, wide, 5, 100, rng()).subsets.tolist()]
    assert order.index((3, 4, 5, 6, 7)) < order.index((0, 1, 2, 6, 7))


@settings(max_examples=50)
@given(data=st.data(), n=st.integers(1, 7), seed=st.integers(0, 99))
def test_a_wide_search_finds_every_subset_least_imbalance_first(
    data: st.DataObject, n: int, seed: int
) -> None:
    k = data.draw(st.integers(1, n))
    counts = np.array(data.draw(st.lists(st.integers(0, 4), min_size=n, max_size=n)))
    raw = rng(seed).integers(0, 5, (n, n))
    found = level_subsets(counts, raw + raw.T, k, comb(n, min(k, n // 2)), rng(seed))
    rows = [tuple(row) for row in found.subsets.tolist()]
    assert sorted(rows) == list(combinations(range(n), k))
    behind = counts - counts.min()
    assert found.imbalance.tolist() == [behind[list(row)].sum() for row in rows]
    assert sorted(found.imbalance) == found.imbalance.tolist()


def test_counts_far_apart_do_not_drown_the_pairs() -> None:
    counts = np.array([10**6, 0, 0, 0, 10**6])
    pairs = np.full((5, 5), 10**6)
    pairs[1, 2] = pairs[2, 1] = 0
    assert level_subsets(counts, pairs, 2, 32, rng()).subsets[0].tolist() == [1, 2]


def test_cells_go_by_excess_then_company() -> None:
    grid = Grid(make_space([2, 1], 2, [2, 2]))
    tally = DrawCounts(grid)
    points = [grid.encode(point) for point in every_point(make_space([2, 1], 2, [2, 2]))]
    for assignment in every_point(make_space([2, 1], 2, [2, 2]))[:1]:
        tally.add(grid.levels(assignment))
    # After member 0 with values (0, 0), the rarest are member 1, value 1 and value 1.
    cell = least_drawn_combination(grid, tally, (0, 1), set(), rng())
    assert cell == ((1, 0, 1, 1), 0)
    # That one drawn: any that keeps two of the three, at one draw of excess.
    cell = least_drawn_combination(grid, tally, (0, 1), {(1, 0, 1, 1)}, rng())
    assert cell.excess == 1
    assert sum(cell.digits) == 2
    # All but one drawn: that one.
    taken = {point.digits for point in points if point} - {(0, 0, 0, 0)}
    assert least_drawn_combination(grid, tally, (0, 1), taken, rng()) == ((0, 0, 0, 0), 3)


def test_cells_of_long_axes_take_the_rarest_values() -> None:
    space = make_space(choices=[300, 300, 300])
    grid = Grid(space)
    tally = DrawCounts(grid)
    tally.values[np.arange(900), np.arange(900)] = 1
    for value in (7, 300 + 11, 600 + 13):
        tally.values[value, value] = 0
    assert least_drawn_combination(grid, tally, (), set(), rng()) == ((7, 11, 13), 0)
    assert least_drawn_combination(grid, tally, (), {(7, 11, 13)}, rng()).excess == 1
