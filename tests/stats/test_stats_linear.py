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
    # Each squared residual counts 1.5²/9 = 1/4. A = (1 − H)/4: (tr A)²/tr A² = 1²/(4/16) = 4.
    t = 2.776445105  # 0.975 quantile with 4 degrees of freedom
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


@pytest.mark.parametrize(("many", "few"), [(6, 2), (12, 2), (12, 3)])
def test_intervals_cover_for_unequal_groups(many: int, few: int) -> None:
    """With n − 2 degrees of freedom instead of Satterthwaite's 12 against 2 covers 88 %."""
    rng = np.random.default_rng(0)
    design = np.repeat([0.0, 1], [many, few])[:, None]
    covered = 0
    for _ in range(1000):
        [slope] = slopes(design, rng.normal(size=many + few))
        covered += slope.low <= 0 <= slope.high
    assert covered / 1000 >= 0.94


def test_no_interval_from_a_single_result() -> None:
    """Six results of one level, one of another: its residual is 0, so its noise cannot be seen."""
    design = np.array([[0.0]] * 6 + [[1.0]])
    [slope] = slopes(design, np.array([1.0, 2, 3, 1, 2, 3, 5]))
    assert slope.value == pytest.approx(3)
    assert np.isnan([slope.low, slope.high]).all()
    assert slope.results_needed(0.1) is None


def test_a_single_result_of_one_level_spares_the_other_effects() -> None:
    """A third level with one result, beside a factor that all others vary in: that factor has the
    estimate and interval of the design without this result."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        values = rng.normal(size=13)
        two = np.tile([0.0, 1], 6)
        three = np.append(np.zeros(12), 1.0)
        wide, lone = slopes(np.column_stack([np.append(two, 0.0), three]), values)
        [alone] = slopes(two[:, None], values[:12])
        assert [wide.value, wide.low, wide.high] == pytest.approx(
            [alone.value, alone.low, alone.high]
        )
        assert np.isfinite(lone.value)
        assert np.isnan(lone.low)
        covered += wide.low <= 0 <= wide.high
    assert 0.92 <= covered / 400 <= 0.99


def test_columns_that_determine_each_other_leave_the_third() -> None:
    t = np.arange(8.0)
    third = np.tile([0.0, 1], 4)
    first, second, effect = slopes(np.column_stack([t, 2 * t, third]), 3 * t + 5 * third)
    for slope in (first, second):
        assert np.isnan([slope.value, slope.low, slope.high]).all()
        assert slope.results_needed(0.1) is None
    assert effect.value == pytest.approx(5)
    assert effect.low == pytest.approx(5, abs=1e-9)


def test_no_variation() -> None:
    [slope] = slopes(np.ones((7, 1)), np.arange(7.0))
    assert np.isnan([slope.value, slope.low, slope.high]).all()


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
