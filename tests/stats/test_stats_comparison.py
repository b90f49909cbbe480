"""Differences of means, worked by hand."""

import math

import numpy as np
import pytest

from nas.stats.comparison import (
    CellMean,
    difference_of_cells,
    paired_difference,
    unpaired_difference,
)


def test_pairs_by_hand() -> None:
    # a − b = 1, 2, 3: mean 2, standard deviation 1, standard error 1/√3 = 0.57735;
    # t(2, 97.5 %) = 4.30265, so half an interval is 2.48414
    found = paired_difference(np.array([11.0, 22.0, 33.0]), np.array([10.0, 20.0, 30.0]))
    assert found.mean == pytest.approx(2)
    assert found.low == pytest.approx(2 - 2.48414, abs=1e-5)
    assert found.high == pytest.approx(2 + 2.48414, abs=1e-5)
    assert (found.n_a, found.n_b) == (3, 3)


def test_what_a_pair_shares_drops_out() -> None:
    hard = np.array([0.1, 0.5, 0.9, 0.3])  # how well their candidates do anyway
    gain = np.array([0.01, 0.02, 0.01, 0.02])
    paired = paired_difference(hard + gain, hard)
    unpaired = unpaired_difference(hard + gain, hard)
    assert paired.mean == pytest.approx(unpaired.mean) == pytest.approx(0.015)
    assert paired.low > 0
    assert unpaired.low < 0


def test_welch_by_hand() -> None:
    # means 2 and 4, variances 1 and 4: squared error 1/3 + 4/3 = 5/3;
    # freedom (5/3)² / ((1/3)²/2 + (4/3)²/2) = 50/17 = 2.9412
    found = unpaired_difference(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]))
    assert found.mean == pytest.approx(-2)
    # t(2.9412, 97.5 %) lies between t(2) = 4.3027 and t(3) = 3.1824, near the latter
    half = (found.high - found.low) / 2 / math.sqrt(5 / 3)
    assert 3.1824 < half < 3.30
    assert half == pytest.approx(3.2199, abs=2e-3)


def test_welch_meets_student_where_variances_and_numbers_agree() -> None:
    # freedom n + n − 2 = 4, t(4, 97.5 %) = 2.77645, error √(2/3)
    found = unpaired_difference(np.array([1.0, 2.0, 3.0]), np.array([5.0, 6.0, 7.0]))
    assert found.mean == pytest.approx(-4)
    assert found.high - found.mean == pytest.approx(2.77645 * math.sqrt(2 / 3), abs=1e-4)


def test_the_interval_covers_as_often_as_it_says() -> None:
    rng = np.random.default_rng(0)
    for difference, (m, n) in ((paired_difference, (6, 6)), (unpaired_difference, (4, 9))):
        hits = [
            found.low <= 0.3 <= found.high
            for _ in range(2000)
            for found in [difference(rng.normal(1.3, 1, m), rng.normal(1.0, 1, n))]
        ]
        assert np.mean(hits) == pytest.approx(0.95, abs=0.015)


def test_too_few_have_no_interval() -> None:
    two = np.array([1.0, 2.0])
    for found in (paired_difference(two, two - 1), unpaired_difference(two, two - 1)):
        assert found.mean == pytest.approx(1)
        assert math.isnan(found.low)
        assert math.isnan(found.high)
    assert math.isnan(paired_difference(two[:0], two[:0]).mean)
    assert math.isnan(unpaired_difference(two, two[:0]).mean)


def test_equal_results_differ_by_nothing() -> None:
    same = np.full(4, 0.5)
    for found in (paired_difference(same, same), unpaired_difference(same, same)):
        assert (found.mean, found.low, found.high) == (0, 0, 0)


@pytest.mark.parametrize(
    ("cells", "results", "noisy"), [(2, 2, 1.0), (2, 3, 4.0), (4, 3, 1.0), (8, 3, 4.0)]
)
def test_intervals_of_fixed_cells_cover(cells: int, results: int, noisy: float) -> None:
    """Cells 5 standard deviations apart, and one noisier than the others. An interval that took
    all results for one random sample would cover always, being much too wide."""
    rng = np.random.default_rng(0)
    means = np.linspace(-2.5, 2.5, cells)
    deviations = np.where(np.arange(cells) == 0, noisy, 1.0)
    covered = differences = 0
    for _ in range(1000):
        each = [rng.normal(m, s, results) for m, s in zip(means, deviations, strict=True)]
        found = CellMean.of(each)
        covered += found.low <= 0 <= found.high
        against = difference_of_cells(each, [rng.normal(size=4)])
        differences += against.low <= 0 <= against.high
    assert 0.925 <= covered / 1000 <= 0.985
    assert 0.925 <= differences / 1000 <= 0.985


def test_cells_that_are_not_done() -> None:
    two, one, none = np.array([1.0, 2.0]), np.array([3.0]), np.array([])
    assert CellMean.of([two, one]).mean == pytest.approx(2.25)
    for cells in ([two, one], [two, none], [none], []):
        found = CellMean.of(cells)
        assert math.isnan(found.low)
        assert math.isnan(found.high)
    assert math.isnan(difference_of_cells([two, one], [two]).mean)
    assert math.isnan(difference_of_cells([two], [two, none]).mean)
    assert difference_of_cells([one], [two]).mean == pytest.approx(1.5)
    assert CellMean.of([two, two]).low < 1.5 < CellMean.of([two, two]).high
