"""Synergies, advice, and what a plan can detect."""

from itertools import combinations
from math import nan
from typing import Any

import numpy as np
import pytest
from evidence import assignments, design, space, valued
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.regression.linear_model import OLS

from nas.stats import Advice, Observations, advise, detectable, synergies


def pair_index(families: int, a: int, b: int) -> int:
    return list(combinations(range(families), 2)).index((a, b))


def test_a_synergy_is_what_least_squares_finds() -> None:
    seen = design(space(8, 3), assignments(space(8, 3), 56))
    rng = np.random.default_rng(0)
    seen = valued(seen, np.linspace(0, 1, 8), rng, sigma=0.3, synergies={(1, 4): 2.0 / 0.3})
    found = synergies(seen)
    assert found.pairs == tuple(combinations(seen.families, 2))
    for at, (a, b) in enumerate(combinations(range(8), 2)):
        both = seen.held[:, a] & seen.held[:, b]
        fit = OLS(seen.value, np.column_stack([seen.held, both])).fit("pinv", "HC2")
        assert found.synergy[at] == pytest.approx(fit.params[-1])
        # The half width over the t quantile is HC2's error; its t has fewer degrees of freedom.
        assert found.high[at] - found.synergy[at] >= 1.96 * fit.bse[-1]
        assert found.count[at] == both.sum()
    best = int(np.nanargmin(found.q_value))
    assert best == pair_index(8, 1, 4)
    assert found.synergy[best] == pytest.approx(2.0, abs=0.4)


def test_two_groups_and_one_pair_by_hand() -> None:
    """k = 2, three families: the three pairs' means are the whole model, so no pair has synergy
    that families do not explain."""
    drawn = assignments(space(3, 2), 3) * 20
    found = synergies(design(space(3, 2), drawn))
    assert np.isnan(found.synergy).all()


def test_the_way_for_many_results_is_the_exact_one(monkeypatch: pytest.MonkeyPatch) -> None:
    where, rng = space(20), np.random.default_rng(0)
    drawn = assignments(where, 2500)
    sigma = np.exp(rng.normal(0, 0.6, 20))
    seen = valued(design(where, drawn), rng.normal(0, 1, 20), rng, sigma=sigma)
    quick = synergies(seen)
    monkeypatch.setattr("nas.stats.synergy.MANY", 10**9)
    exact = synergies(seen)
    assert quick.synergy == pytest.approx(exact.synergy, abs=1e-9)
    assert (quick.high - quick.low) / (exact.high - exact.low) == pytest.approx(1, abs=2e-3)
    assert np.log(quick.p_value) == pytest.approx(np.log(exact.p_value), abs=0.05, rel=0.01)


def test_few_together_tell_nothing() -> None:
    seen = design(space(12), assignments(space(12), 30))
    found = synergies(seen)
    assert np.isnan(found.synergy[found.count < 5]).all()
    assert not np.isnan(found.synergy[found.count >= 5]).any()


@pytest.mark.parametrize("count", [0, 1, 12])
def test_too_few_results(count: int) -> None:
    found = synergies(design(space(12), assignments(space(12), count)))
    assert np.isnan(found.q_value).all()


@pytest.mark.proof
def test_planted_synergies_are_found_and_false_ones_are_rare() -> None:
    """At full size in benchmarks/evidence.py, with unequal noise too."""
    where, rng = space(29), np.random.default_rng(0)
    seen = design(where, assignments(where, 1146))
    truth = {(1, 2): 1.5, (5, 9): 1.5, (10, 20): 1.5}
    planted = {pair_index(29, *pair) for pair in truth}
    found, false = 0, []
    for _ in range(60):
        trial = valued(seen, rng.normal(0, 1, 29), rng, synergies=truth)
        named = set(np.flatnonzero(synergies(trial).q_value <= 0.05).tolist())
        found += len(named & planted)
        false.append(len(named - planted) / max(1, len(named)))
    assert found / (60 * 3) >= 0.8
    assert np.mean(false) <= 0.10


def rule(effect: float, low: float, high: float, success_high: float = 1.0, **words: Any) -> Advice:
    return advise(
        results=40,
        effect=effect,
        low=low,
        high=high,
        success_rate=min(0.5, success_high),
        success_high=success_high,
        **words,
    )


def test_the_rule() -> None:
    assert str(rule(0.03, 0.01, 0.05)) == "keep"
    assert str(rule(0.0, -0.005, 0.005)) == "keep"  # surely not a point worse
    assert str(rule(-0.005, -0.007, -0.003)) == "keep"  # worse, and too little to care about
    assert str(rule(-0.03, -0.05, -0.011)) == "drop"
    assert str(rule(nan, nan, nan, not_estimable="never drawn")) == "needs more draws"
    assert (
        str(rule(nan, nan, nan, not_estimable="in all of them", never_estimable=True))
        == "cannot tell"
    )
    # Half width .04 around .01, .02 above −.01: (.04/.02)² = 4 × 40 results, half of draws succeed.
    assert str(rule(0.01, -0.03, 0.05)) == "needs about 240 more draws"
    # Around −.03 it would be dropped once the half width is below .02.
    assert str(rule(-0.03, -0.07, 0.01)) == "needs about 240 more draws"


def test_a_family_is_dropped_for_failing_only_where_it_is_to_blame() -> None:
    assert str(rule(0.03, 0.01, 0.05, 0.4, fails="a fails more than the rest")) == "drop"
    assert str(rule(0.03, 0.01, 0.05, 0.4)) == "keep"  # its partners failed
    assert str(rule(0.03, 0.01, 0.05, 0.8, fails="a fails more than the rest")) == "keep"


def test_a_family_is_dropped_for_collapsing_only_where_it_is_to_blame() -> None:
    worse = "a collapses more than the rest"
    unknown = (nan, nan, nan)
    reported = "9 of 10 runs with it collapsed"
    assert rule(*unknown, collapses=worse, learned_high=0.4, not_estimable=reported) == Advice(
        "drop", worse
    )
    assert str(rule(*unknown, learned_high=0.4, not_estimable=reported)) == "needs more draws"
    assert (
        str(rule(*unknown, collapses=worse, learned_high=0.6, not_estimable=reported))
        == "needs more draws"
    )


@given(st.floats(-0.2, 0.2), st.floats(0.001, 0.2))
def test_the_draws_it_asks_for_would_decide(effect: float, half: float) -> None:
    def messages(half: float) -> Advice:
        return advise(
            results=50,
            effect=effect,
            low=effect - half,
            high=effect + half,
            success_rate=1.0,
            success_high=1.0,
        )

    first = messages(half)
    assert first.reason
    if first.verdict != "draw more" or abs(effect + 0.01) < 0.001:
        return
    assert first.draws
    assert messages(half * (50 / (50 + first.draws)) ** 0.5 * (1 - 1e-9)).verdict in (
        "keep",
        "drop",
    )


@given(st.lists(st.floats(-0.3, 0.3), min_size=2, max_size=2).map(sorted), st.floats(0, 1))
def test_advice_is_a_function_of_the_interval_alone(ends: list[float], at: float) -> None:
    low, high = ends
    effect = low + at * (high - low)
    wanted = "drop" if high < -0.01 else "keep" if low > -0.01 else "draw more"
    assert rule(effect, low, high).verdict == wanted


@pytest.mark.proof
def test_what_is_called_detectable_is_detected_four_times_of_five() -> None:
    where, rng = space(12), np.random.default_rng(0)
    seen = design(where, assignments(where, 200))
    least = detectable(seen)
    effects = np.zeros(12)
    effects[3] = least.family * 12 / 11  # less the mean of all, itself in it
    from nas.stats import family_effects

    hits = sum(family_effects(valued(seen, effects, rng)).low[3] > 0 for _ in range(400))
    # Only the upper side counts as found; 400 campaigns: ± 4 %.
    assert 0.74 <= hits / 400 <= 0.86


def test_more_trials_detect_less() -> None:
    where = space(29)
    few, many = (detectable(design(where, assignments(where, n))) for n in (500, 1146))
    assert many.family < few.family
    assert many.pair < few.pair
    assert many.together == pytest.approx(1146 * 6 / 406)


def test_a_plan_too_small_detects_nothing() -> None:
    small = detectable(design(space(29), assignments(space(29), 20)))
    assert np.isnan([small.family, small.pair]).all()


def test_a_space_without_pairs() -> None:
    where = space(5, 1)
    drawn = assignments(where, 5) * 10
    seen = Observations.of(where.families, drawn, np.arange(50.0))
    assert np.isnan(detectable(seen).pair)
    assert np.isnan(synergies(seen).synergy).all()
