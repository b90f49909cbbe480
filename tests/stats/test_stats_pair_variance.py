"""Interactions of pairs in the error of a family's effect, against other people's arithmetic."""

from itertools import combinations

import numpy as np
import pytest
from evidence import assignments, design, hc3, space
from scipy.optimize import minimize_scalar
from statsmodels.regression.mixed_linear_model import MixedLM, MixedLMParams, VCSpec
from worlds import WORLDS, Floats, Sets

from nas.stats import Observations, family_effects
from nas.stats.family_effects import centred, contrasts, estimable
from nas.stats.pair_variance import Pairs, variance_ratio, variances


def campaign(
    families: int, k: int, count: int, seed: int = 0, world: str = "pairs"
) -> Observations:
    where = space(families, k)
    seen = design(where, assignments(where, count, seed=seed))
    return WORLDS[world](Sets(families, k), seen, np.random.default_rng(seed)).every


def pairs_of(seen: Observations) -> Pairs:
    found = Pairs.of(seen)
    assert found is not None
    return found


def weights_of(seen: Observations) -> tuple[Floats, Floats]:
    contrast = centred(estimable(seen))
    return contrast, seen.design @ (seen.rotation @ contrasts(contrast, seen).T)


@pytest.mark.parametrize("count", [40, 100])  # fewer results than pairs, and more
def test_the_variances_maximise_statsmodels_reml(count: int) -> None:
    seen = campaign(10, 3, count)
    columns = pairs_of(seen).columns.toarray()
    named = VCSpec(["pair"], [[[str(n) for n in range(columns.shape[1])]]], [[columns]])
    model = MixedLM(seen.value, seen.held.astype(float), np.ones(count), exog_vc=named)
    model.reml, model.cov_pen, model.fe_pen = True, None, None  # as its own fit sets them
    none = np.zeros((0, 0))

    def deviance(logarithm: float) -> float:
        vcomp = np.array([np.exp(logarithm)])
        params = MixedLMParams.from_components(np.zeros(10), none, vcomp=vcomp)
        return -float(model.loglike(params))

    theta = np.exp([minimize_scalar(deviance, bounds=(-8, 4), method="bounded").x])
    scale = model.get_scale(model.get_fe_params(none, theta)[0], none, theta)
    found = variances(seen, pairs_of(seen))
    assert found.pair == pytest.approx(float(theta[0] * scale), rel=1e-4)
    assert found.noise == pytest.approx(scale, rel=1e-4)


def test_the_ratio_is_the_model_s_variance_over_what_residuals_let_expect() -> None:
    """With every matrix written out, and the truth from a regression over all sets."""
    families, k, count = 8, 3, 30
    seen = campaign(families, k, count)
    contrast, weights = weights_of(seen)
    found = variances(seen, pairs_of(seen))
    pair, noise = found.pair, found.noise
    assert pair > 0
    every = list(combinations(range(families), 2))

    def both(held: Floats) -> Floats:
        return np.column_stack([held[:, a] * held[:, b] for a, b in every])

    x, z = seen.held.astype(float), both(seen.held.astype(float))
    hat = x @ np.linalg.pinv(x)
    rest = np.eye(count) - hat
    sets = np.array(
        [[float(f in held) for f in range(families)] for held in combinations(range(families), k)]
    )
    over_all = contrast @ np.linalg.lstsq(sets, both(sets), rcond=None)[0]  # (F, P)
    ratio = variance_ratio(seen, contrast, weights)
    for family in range(families):
        w = weights[:, family]
        model = pair * ((z.T @ w - over_all[family]) ** 2).sum() + noise * (w**2).sum()
        covariance = rest @ (pair * z @ z.T + noise * np.eye(count)) @ rest
        expected = (w**2 * np.diag(covariance) / (1 - np.diag(hat))).sum()
        assert ratio[family] == pytest.approx(model / expected)


def test_beyond_so_many_pairs_the_first_results_decide(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = campaign(12, 4, 80)
    first = seen.only(np.arange(80) < 60)
    expected = variances(first, pairs_of(first))
    assert variances(seen, pairs_of(seen)) != expected
    requests = []
    monkeypatch.setattr("nas.stats.pair_variance.SIDE", 60)
    monkeypatch.setattr(
        "nas.stats.pair_variance.variances",
        lambda some, pairs: requests.append(variances(some, pairs)) or requests[-1],
    )
    variance_ratio(seen, *weights_of(seen))
    assert requests == [expected]


def test_without_interactions_nothing_is_narrowed_on_average() -> None:
    ratios = []
    for seed in range(24):
        seen = campaign(10, 3, 50, seed, "plain")
        ratios.append(variance_ratio(seen, *weights_of(seen)))
    assert np.mean(ratios) == pytest.approx(1, abs=0.06)
    assert np.min(ratios) > 0


@pytest.mark.parametrize(("families", "k", "count"), [(6, 1, 60), (3, 2, 60), (4, 3, 40)])
def test_where_no_pair_can_vary_errors_are_residuals_alone(
    families: int, k: int, count: int
) -> None:
    where = space(families, k)
    drawn = assignments(where, families) * (count // families)
    seen = design(where, drawn[:count])
    seen = Observations(
        seen.families, seen.held, seen.levels, np.random.default_rng(0).random(len(seen.value))
    )
    assert variance_ratio(seen, *weights_of(seen)) == pytest.approx(np.ones(families))


@pytest.mark.parametrize(("families", "k", "count"), [(8, 2, 28), (29, 4, 60)])
def test_where_pairs_cannot_be_reported_from_noise_errors_are_residuals_alone(
    families: int, k: int, count: int
) -> None:
    """Where sets are pairs and each was drawn once, and where few results share a pair."""
    seen = campaign(families, k, count, world="plain")
    assert len(seen.value) == count
    assert variance_ratio(seen, *weights_of(seen)) == pytest.approx(np.ones(families))


def test_intervals_of_pairs_drawn_once_hold_the_truth() -> None:
    where, sets, rng = space(8, 2), Sets(8, 2), np.random.default_rng(0)
    seen = design(where, assignments(where, 28))
    held = []
    for _ in range(60):
        trial = WORLDS["plain"](sets, seen, rng)
        found = family_effects(trial.every)
        held.append((found.low <= trial.truth) & (trial.truth <= found.high))
    assert 0.92 <= np.mean(held) <= 0.985


def test_a_family_that_all_hold_is_in_no_pair() -> None:
    where = space(12)
    seen = design(where, assignments(where, 100, "lexicographic"))
    assert (seen.counts == 100).any()
    found = pairs_of(seen)
    assert found.k == 4 - np.count_nonzero(seen.counts == 100)
    assert not set(np.flatnonzero(seen.counts == 100)) & set(found.varying)


def test_truths_are_exchanges_over_all_sets() -> None:
    """By hand: put f where g stood, in every set of k − 1 others."""
    families, k = 6, 3
    sets = Sets(families, k)
    accuracy = dict(
        zip(map(frozenset, sets.of.tolist()), np.random.default_rng(0).random(20), strict=True)
    )
    found = sets.effects(np.array(list(accuracy.values())))
    for f in range(families):
        gains = [0.0]
        for g in set(range(families)) - {f}:
            others = combinations(set(range(families)) - {f, g}, k - 1)
            gains.append(
                np.mean(
                    [accuracy[frozenset({f, *o})] - accuracy[frozenset({g, *o})] for o in others]
                )
            )
        assert found[f] == pytest.approx(np.mean(gains))


@pytest.mark.parametrize("world", WORLDS)
def test_intervals_hold_the_truth(world: str) -> None:
    """At full size in benchmarks/evidence.py: 1,000 campaigns of 29 families a world."""
    where, sets = space(12), Sets(12, 4)
    held, width, before = [], [], []
    for seed in range(2):
        seen = design(where, assignments(where, 90, seed=seed))
        rng = np.random.default_rng(seed)
        for _ in range(40):
            trial = WORLDS[world](sets, seen, rng)
            found = family_effects(trial.learned)
            held.append((found.low <= trial.truth) & (trial.truth <= found.high))
            width.append((found.high - found.low).mean())
            before.append(2 * hc3(trial.every)[1].mean())
    # 80 campaigns of 12 families: the standard error is about 0.8 points.
    assert 0.925 <= np.mean(held) <= 0.975
    gained = np.mean(width) / np.mean(before)
    # Narrower by what interactions and collapses are not any more; never wider.
    assert gained <= {"pairs": 0.85, "collapses": 0.5}.get(world, 0.97)
