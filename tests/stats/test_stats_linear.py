"""Least squares with HC3 intervals."""

import numpy as np
import pytest

from nas.stats.linear import slopes


def test_a_difference_of_two_groups_by_hand() -> None:
    # Group means 2 and 5; residuals (−1, 0, 1) and (−2, 0, 2), leverage 1/3 each, so they grow by
    # 1/(1 − 1/3) = 1.5: HC3 variance of a group's mean is Σ(1.5 r)²/9, 4.5/9 and 18/9.
    values = np.array([1.0, 2, 3, 3, 5, 7])
    [slope] = slopes(np.array([[0.0], [0], [0], [1], [1], [1]]), values)
    error = (4.5 / 9 + 18 / 9) ** 0.5
    t = 2.776445105  # 0.975 quantile with 6 − 2 degrees of freedom
    assert slope.value == pytest.approx(3)
    assert slope.low == pytest.approx(3 - t * error)
    assert slope.high == pytest.approx(3 + t * error)
    assert slope.results == 6


def test_main_effects_of_a_balanced_design() -> None:
    a, b = np.meshgrid([0.0, 1, 2, 3], [0.0, 1])
    design = np.column_stack([a.ravel(), b.ravel()])
    found = slopes(design, 1 + 0.5 * design[:, 0] - 2 * design[:, 1])
    assert [slope.value for slope in found] == pytest.approx([0.5, -2])
    assert found[0].low == pytest.approx(0.5, abs=1e-9)


def test_intervals_cover_under_unequal_noise() -> None:
    rng = np.random.default_rng(0)
    design = np.repeat(np.arange(4.0), 6)[:, None]
    covered = 0
    for _ in range(400):
        values = 2 * design[:, 0] + rng.normal(0, 0.2 + design[:, 0])
        [slope] = slopes(design, values)
        covered += slope.low <= 2 <= slope.high
    assert 0.92 <= covered / 400 <= 0.99


@pytest.mark.parametrize(
    "design",
    [
        [[0.0, 0.0], [1, 1], [2, 2], [3, 3], [4, 4], [5, 5], [6, 6]],  # one column is the other
        [[1.0], [1], [1], [1], [1], [1], [1]],  # no variation
    ],
)
def test_what_cannot_be_separated(design: list[list[float]]) -> None:
    for slope in slopes(np.array(design), np.arange(7.0)):
        assert np.isnan([slope.value, slope.low, slope.high]).all()
        assert slope.results_needed(0.1) is None


def test_too_few_results() -> None:
    [slope] = slopes(np.array([[0.0], [1], [2], [3]]), np.arange(4.0))
    assert np.isnan(slope.value)


def test_results_needed() -> None:
    rng = np.random.default_rng(1)
    design = np.repeat([0.0, 1], 10)[:, None]
    [slope] = slopes(design, rng.normal(0, 1, 20))
    half = (slope.high - slope.low) / 2
    assert slope.results_needed(half) == 20
    assert slope.results_needed(half / 2) == 80
