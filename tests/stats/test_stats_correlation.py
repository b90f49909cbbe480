"""Rank correlations against SciPy's, with ties and without."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from nas.stats.correlation import _correlations, rank_correlations


@given(st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6)), min_size=5, max_size=30))
def test_they_are_scipys(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs).T
    kendall, spearman = rank_correlations(x, y)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert np.isnan(kendall.estimate)
        assert np.isnan(spearman.low)
        return
    assert kendall.estimate == pytest.approx(stats.kendalltau(x, y).statistic)
    assert spearman.estimate == pytest.approx(stats.spearmanr(x, y).statistic)
    assert kendall.low <= kendall.high
    assert spearman.low >= -1 - 1e-9


def test_a_resample_counts_its_repeats() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 5, 20).astype(float), rng.random(20)
    index = rng.integers(0, 20, size=(50, 20))
    counts = np.array([np.bincount(row, minlength=20) for row in index], dtype=float)
    signs = np.sign(x[:, None] - x), np.sign(y[:, None] - y)
    kendall, spearman = _correlations(signs, counts)
    assert kendall == pytest.approx([stats.kendalltau(x[i], y[i]).statistic for i in index])
    assert spearman == pytest.approx([stats.spearmanr(x[i], y[i]).statistic for i in index])


def test_weights_are_repeats() -> None:
    rng = np.random.default_rng(2)
    x, y, times = rng.integers(0, 5, 15), rng.random(15), rng.integers(1, 4, 15)
    kendall, spearman = rank_correlations(x, y, weights=times)
    many = np.repeat(x, times), np.repeat(y, times)
    assert kendall.estimate == pytest.approx(stats.kendalltau(*many).statistic)
    assert spearman.estimate == pytest.approx(stats.spearmanr(*many).statistic)


def test_strata_keep_their_sizes() -> None:
    """Two points at one end, always drawn both: without strata they are at times both missing."""
    x = np.array([0.0] * 20 + [1.0] * 2)
    y = np.concatenate([np.linspace(0, 0.1, 20), [1.0, 1.1]])
    apart = rank_correlations(x, y, strata=x)[0]
    together = rank_correlations(x, y)[0]
    assert apart.high - apart.low < together.high - together.low


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """Normal pairs of correlation 0.5: τ = (2/π) arcsin 0.5 = 1/3."""
    rng = np.random.default_rng(1)
    held = 0
    for seed in range(100):
        x = rng.standard_normal(40)
        y = 0.5 * x + np.sqrt(0.75) * rng.standard_normal(40)
        kendall, _ = rank_correlations(x, y, seed=seed)
        held += kendall.low <= 1 / 3 <= kendall.high
    assert 87 <= held <= 99


def test_four_say_nothing() -> None:
    assert np.isnan(rank_correlations([1, 2, 3, 4], [1, 2, 3, 4])[0].estimate)
