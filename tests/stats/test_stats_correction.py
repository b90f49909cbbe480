"""What trained mixtures say of others."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kendalltau

from nas.stats.surrogate import FEWEST, _ridge, cross_val_predict, feature_names, features, predict

FAMILIES = "abcdefgh"
MIXTURES = ["+".join(three) for three in combinations(FAMILIES, 3)]
SCORES = ["uniform", "oracle"]


def rows(seed: int, count: int = len(MIXTURES)) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame({"families": rng.permutation(MIXTURES)[:count]})
    frame["members"] = frame["families"]
    return frame.assign(uniform=rng.random(count), oracle=rng.random(count), choice=rng.choice(2))


def test_of_noise_it_foretells_nothing() -> None:
    """A fit's mean is the lower, the better the one left out: that must not show."""
    found = []
    for seed in range(30):
        trained = rows(seed, 30)
        trained["val_acc"] = np.random.default_rng(99 + seed).random(30)
        found.append(
            kendalltau(cross_val_predict(trained, SCORES, []), trained["val_acc"]).statistic
        )
    assert abs(np.nanmean(found)) < 0.15


def test_it_finds_families_and_a_pair() -> None:
    frame = rows(0)
    worth = frame["families"].map(lambda held: 0.1 * ("a" in held) + 0.2 * ({"b", "c"} <= {*held}))
    trained = frame.assign(val_acc=0.5 + worth).iloc[:40]
    reported = predict(trained, frame, SCORES, [])
    unseen = frame.index[40:]
    assert kendalltau(reported[unseen], worth[unseen]).statistic > 0.6
    assert kendalltau(cross_val_predict(trained, SCORES, []), trained["val_acc"]).statistic > 0.5


def test_sums_are_what_the_fit_predicts() -> None:
    """Written out column by column, at the trained ones' mean settings."""
    frame = rows(1)
    trained = frame.iloc[:30].assign(val_acc=np.random.default_rng(5).random(30))
    trained["choice mixing"] = np.where(np.arange(30) % 3, "soft", "top1")
    columns = feature_names(trained, SCORES, ["choice mixing"])
    model = _ridge().fit(features(trained, columns), trained["val_acc"])
    shares = {"choice mixing=soft": 2 / 3, "choice mixing=top1": 1 / 3}
    plain = features(frame, [name for name in columns if name not in shares])
    expected = model.predict(plain.assign(**shares)[columns])
    reported = predict(trained, frame, SCORES, ["choice mixing"])
    np.testing.assert_allclose(reported, expected, rtol=1e-9)


def test_a_family_that_was_never_trained_counts_nothing() -> None:
    trained = rows(2)
    trained = trained[~trained["families"].str.contains("h")].head(20)
    trained = trained.assign(val_acc=np.linspace(0, 1, 20))
    assert predict(trained, rows(3), SCORES, []).notna().all()


@pytest.mark.parametrize("count", [0, FEWEST - 1])
def test_few_say_nothing(count: int) -> None:
    trained = rows(0, count).assign(val_acc=0.5)
    assert cross_val_predict(trained, SCORES, []).isna().all()
    assert predict(trained, rows(1), SCORES, []).isna().all()


def test_one_mixture_is_never_on_both_sides() -> None:
    """Each mixture twice, whose values nothing explains: its twin must not tell of it."""
    found = []
    for seed in range(20):
        once = rows(seed, 20).assign(uniform=0.5, oracle=0.5)
        once["val_acc"] = np.random.default_rng(seed).random(20)
        twice = pd.concat([once, once], ignore_index=True)
        found.append(kendalltau(cross_val_predict(twice, SCORES, []), twice["val_acc"]).statistic)
    assert np.nanmean(found) < 0.2
