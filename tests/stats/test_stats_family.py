"""Family effects: right numbers, honest intervals, and no number where there can be none."""

import numpy as np
import pytest
from evidence import assignments, design, space, valued
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr, t
from sklearn.linear_model import BayesianRidge
from statsmodels.regression.linear_model import OLS

from nas.schema import Assignment, ExpertChoice
from nas.stats import Observations, family_effects, synergies
from nas.stats.family_effects import centred, contrasts, estimable, sufficient_statistics
from nas.stats.pair_variance import variance_ratio


def holding(*families: str, model: int = 0, mixing: str = "soft") -> Assignment:
    picks = tuple(ExpertChoice(family, f"{family}_{model}") for family in families)
    return Assignment(picks=picks, choices=(("mixing", mixing),))


def test_effects_without_noise_are_the_planted_ones() -> None:
    truth = np.array([0.3, 0.1, 0.0, -0.1, 0.2, -0.5, 0.05])
    seen = design(space(7, 2), assignments(space(7, 2), 21))
    found = family_effects(valued(seen, truth, np.random.default_rng(0), sigma=0.0))
    assert found.effect == pytest.approx(truth - truth.mean())
    assert found.low == pytest.approx(found.effect, abs=1e-9)
    assert found.not_estimable == ("",) * 7
    assert found.rank.tolist() == [1, 3, 5, 6, 2, 7, 4]


def test_a_family_is_cleared_of_its_partners() -> None:
    """a always stood beside b, which is bad; its mean is poor and its effect is not."""
    rng = np.random.default_rng(0)
    drawn, values = [], []
    for _ in range(40):
        for families, value in ((("a", "b"), 0.4), (("a", "c"), 0.6), (("b", "d"), 0.3)):
            drawn.append(holding(*families))
            values.append(value + 0.001 * rng.standard_normal())
        drawn += [holding("c", "d"), holding("b", "c")]
        values += [0.5 + 0.001 * rng.standard_normal(), 0.4 + 0.001 * rng.standard_normal()]
    for _ in range(80):
        drawn.append(holding("a", "b"))
        values.append(0.4 + 0.001 * rng.standard_normal())
    found = family_effects(Observations.of(("a", "b", "c", "d"), drawn, values))
    raw = [
        np.mean([v for d, v in zip(drawn, values, strict=True) if f in d.families]) for f in "ad"
    ]
    assert raw[0] > raw[1] + 0.02  # the raw means say a is better than d by 3 points…
    # β: a .3, b .1, c .3, d .2.
    assert found.effect[0] - found.effect[3] == pytest.approx(0.1, abs=2e-3)
    assert found.effect[2] - found.effect[1] == pytest.approx(0.2, abs=2e-3)


def test_members_and_settings_are_held_equal() -> None:
    """Family a's good member stood mostly with the good setting; its effect is of both members."""
    rng = np.random.default_rng(1)
    drawn, values = [], []
    for _ in range(400):
        pair = rng.choice(["a", "b", "c", "d"], 2, replace=False)
        good = bool(rng.random() < 0.8)
        member = int(good if rng.random() < 0.9 else not good)
        drawn.append(holding(*pair, model=member, mixing="soft" if good else "top1"))
        value = 0.5 + 0.1 * good + 0.02 * rng.standard_normal()
        value += 0.04 * member * ("a" in pair) + 0.06 * ("b" in pair)
        values.append(value)
    found = family_effects(Observations.of(("a", "b", "c", "d"), drawn, values))
    truth = np.array([0.02, 0.06, 0.0, 0.0])  # a: the mean over its two members
    assert found.effect == pytest.approx(truth - truth.mean(), abs=0.008)


def test_the_intervals_are_statsmodels_hc2_corrected_for_pairs() -> None:
    seen = design(space(8, 3), assignments(space(8, 3), 56))
    seen = valued(seen, np.linspace(0, 1, 8), np.random.default_rng(3), sigma=np.arange(1, 9) / 8)
    found = family_effects(seen)
    # Another parametrisation: an intercept and deviations from the mean of all families.
    deviations = seen.held[:, :7].astype(float) - seen.held[:, 7:]
    fit = OLS(seen.value, np.column_stack([np.ones(56), deviations])).fit("pinv", "HC2", use_t=True)
    assert found.effect[:7] == pytest.approx(fit.params[1:])
    half = (found.high[:7] - found.low[:7]) / 2
    assert (found.high[:7] + found.low[:7]) / 2 == pytest.approx(found.effect[:7])
    # t's quantile: at least that of all 48 free results, at most that of the family's own ~20.
    contrast = centred(np.ones(8, dtype=bool))
    weights = seen.design @ (seen.rotation @ contrasts(contrast, seen).T)
    error = fit.bse[1:] * np.sqrt(variance_ratio(seen, contrast, weights)[:7])
    quantile = half / error
    assert quantile.min() >= t.ppf(0.975, 48)
    assert quantile.max() <= t.ppf(0.975, 18)
    assert found.noise == pytest.approx(np.sqrt(fit.scale))


def test_what_every_candidate_holds_cannot_be_reported() -> None:
    where = space(29)
    drawn = assignments(where, 600, "lexicographic")
    truth = np.linspace(1, -1, 29)
    found = family_effects(valued(design(where, drawn), truth, np.random.default_rng(0), sigma=0.1))
    assert (
        found.not_estimable[0] == "every candidate contains it: there is nothing to compare it with"
    )
    assert np.isnan([found.effect[0], found.low[0], found.rank[0]]).all()
    assert not np.isnan(found.effect[1:]).any()
    # A difference between the others is right all the same.
    assert found.effect[1] - found.effect[28] == pytest.approx(truth[1] - truth[28], abs=0.1)


def test_what_was_never_drawn_cannot_be_reported() -> None:
    where = space(29)
    drawn = [a for a in assignments(where, 300) if "f13" not in a.families]
    found = family_effects(valued(design(where, drawn), np.zeros(29), np.random.default_rng(0)))
    assert found.not_estimable[13] == "no candidate with it has a result"
    assert np.isnan(found.effect[13])
    assert sum(bool(why) for why in found.not_estimable) == 1


def test_two_islands_are_not_compared() -> None:
    drawn = [holding("a", "b"), holding("b", "c"), holding("a", "c")] * 20
    drawn += [holding("d", "e")] * 30  # d and e always together, never with the others
    rng = np.random.default_rng(0)
    found = family_effects(Observations.of(tuple("abcde"), drawn, rng.random(len(drawn))))
    assert [bool(why) for why in found.not_estimable] == [False, False, False, True, True]
    assert found.not_estimable[3] == "the draws do not separate it from others"


@given(st.integers(0, 10**6), st.integers(3, 6), st.integers(1, 3))
def test_comparable_families_are_those_whose_difference_is_in_the_row_space(
    seed: int, families: int, k: int
) -> None:
    rng = np.random.default_rng(seed)
    k = min(k, families - 1)
    held = np.zeros((int(rng.integers(1, 7)), families), dtype=bool)
    for row in held:
        row[rng.choice(families, k, replace=False)] = True
    seen = Observations(
        tuple(map(str, range(families))),
        held,
        np.empty((len(held), 0), dtype=np.int64),
        np.zeros(len(held)),
    )
    group = np.flatnonzero(estimable(seen))
    matrix = held.astype(float)
    rank = np.linalg.matrix_rank(matrix)

    def differ(f: int, g: int) -> bool:
        row = np.zeros(families)
        row[f] += 1
        row[g] -= 1
        return bool(np.linalg.matrix_rank(np.vstack([matrix, row])) == rank)

    drawn = np.flatnonzero(held.any(axis=0))
    sizes = [sum(differ(f, g) for g in drawn) for f in drawn]
    assert len(group) == (max(sizes) if max(sizes) > 1 else 0)
    assert all(differ(f, g) for f in group for g in group)


@pytest.mark.parametrize("count", [0, 1, 5, 14])
def test_too_few_results_give_no_number(count: int) -> None:
    where = space(12)
    found = family_effects(design(where, assignments(where, count)))
    assert np.isnan(found.effect).all()
    assert all(found.not_estimable)


@pytest.mark.parametrize(
    ("count", "messages"), [(1, "1 result is too few"), (3, "3 results are too few")]
)
def test_few_results_do_not_make_an_effect_never_estimable(count: int, messages: str) -> None:
    """What is in all of them need not be in the next."""
    drawn = [holding("a", "b"), holding("a", "c"), holding("a", "d")][:count]
    found = family_effects(Observations.of(tuple("abcd"), drawn, np.arange(float(count))))
    assert found.not_estimable[0].startswith(messages)
    assert not found.never_estimable.any()
    excluded = family_effects(Observations.of(("a", "b"), [], np.array([])), {"a": "collapsed"})
    assert excluded.never_estimable.tolist() == [True, False]


def test_one_family_only() -> None:
    found = family_effects(Observations.of(("a",), [holding("a")] * 20, np.arange(20.0)))
    assert found.not_estimable == (
        "every candidate contains it: there is nothing to compare it with",
    )


@pytest.mark.parametrize("value", [0.0, 0.1, 349 / 360, 1.0])
def test_equal_results_tell_nobody_apart(value: float) -> None:
    """Not by what rounding leaves of them either."""
    where = space(8, 3)
    for count in range(50, 60):
        drawn = assignments(where, count)
        seen = Observations.of(where.families, drawn, [value] * count)
        found = family_effects(seen)
        assert not np.any([found.effect, found.low, found.high])
        pairs = synergies(seen)
        assert not np.nan_to_num([pairs.synergy, pairs.low, pairs.high]).any()
        assert np.isnan(pairs.q_value).all()


def test_on_the_published_order_the_adjusted_ranking_beats_raw_means() -> None:
    where, rng = space(29), np.random.default_rng(0)
    seen = design(where, assignments(where, 1146, "lexicographic"))
    gains = []
    for _ in range(5):
        truth = rng.normal(0, 1, 29)
        trial = valued(seen, truth, rng)
        found = family_effects(trial)
        reported = ~np.isnan(found.rank)
        raw = (trial.held.T @ trial.value) / trial.counts
        adjusted = spearmanr(-found.rank[reported], truth[reported]).statistic
        gains.append(adjusted - spearmanr(raw[reported], truth[reported]).statistic)
    assert np.mean(gains) > 0


@pytest.mark.proof
@pytest.mark.parametrize("count", [200, 2000])
def test_a_family_with_few_results_gets_a_wide_interval_and_spoils_no_other(count: int) -> None:
    where, rng = space(12), np.random.default_rng(0)
    drawn = assignments(where, 160) * (count // 160 + 1)
    common = [a for a in drawn if "f03" not in a.families][:count]
    rare = [a for a in drawn if "f03" in a.families][:5]
    seen = design(where, [*common, *rare])
    covered = []
    for _ in range(300):
        found = family_effects(valued(seen, np.zeros(12), rng))
        covered.append((found.low <= 0) & (found.high >= 0))
    share = np.mean(covered, axis=0)
    assert share[3] >= 0.92
    assert share.min() >= 0.90
    assert share.mean() >= 0.93


def test_one_result_of_a_new_member_does_not_end_the_adjustment() -> None:
    """A setting goes with family a: unadjusted, its four points would be a's."""
    rng = np.random.default_rng(2)
    drawn, values = [], []
    for _ in range(400):
        pair = rng.choice(["a", "b", "c", "d"], 2, replace=False)
        soft = rng.random() < (0.9 if "a" in pair else 0.1)
        drawn.append(holding(*pair, mixing="soft" if soft else "top1"))
        values.append(0.5 + 0.04 * soft + 0.01 * rng.standard_normal())
    drawn.append(holding("a", "b", model=1))
    values.append(0.9)
    seen = Observations.of(("a", "b", "c", "d"), drawn, values)
    assert seen.fit_for_errors.adjusts
    assert abs(family_effects(seen).effect).max() < 0.005


def test_too_few_results_for_members_are_reported_so() -> None:
    where = space(12, members=3)
    seen = design(where, assignments(where, 40))
    assert not seen.fit_for_errors.adjusts
    assert not np.isnan(family_effects(seen).effect).any()


@pytest.mark.parametrize("results", [40, 400])
def test_the_ranking_s_posterior_needs_the_sums_alone(results: int) -> None:
    where = space(8, 3, members=2)
    seen = valued(
        design(where, assignments(where, results)), np.linspace(0, 1, 8), np.random.default_rng(0)
    )
    value = (seen.value - seen.value.mean()) / seen.value.std()
    whole = BayesianRidge().fit(seen.design.toarray(), value)
    matrix, values, weight = sufficient_statistics(seen, value)
    assert len(values) <= seen.design.shape[1] + 1
    assert weight.sum() == pytest.approx(results)
    short = BayesianRidge(fit_intercept=False).fit(matrix, values, sample_weight=weight)
    assert short.coef_ == pytest.approx(whole.coef_, rel=1e-3, abs=1e-4)
    assert short.alpha_ == pytest.approx(whole.alpha_, rel=1e-3)
