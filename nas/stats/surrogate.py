"""A surrogate model: predicts the accuracy of untrained mixtures from trained ones.

Ridge regression (Hoerl and Kennard 1970; scikit-learn's `RidgeCV`) of validation accuracy, a share
in [0, 1], on a screen's scores, families, pairs of families and settings. Its penalty is chosen by
leave-one-out cross-validation within each fit. It uses only scores that all mixtures have.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

FEWEST = 12
"""The smallest number of trained candidates for a fit."""
_FOLDS = 10


def cross_val_predict(
    trained: pd.DataFrame, scores: Sequence[str], settings: Sequence[str]
) -> "pd.Series[float]":
    """The accuracy predicted for each candidate by a fit to candidates of other mixtures, `(n,)`.

    `trained` has the columns `families` and `members` (joined by +), `val_acc`, the scores and the
    settings. The fit predicts the difference from its own mean, because the mean of the others is
    lower, the better the held-out candidate is. NaN for fewer than FEWEST candidates.
    """
    from sklearn.model_selection import GroupKFold

    found = pd.Series(np.nan, index=trained.index)
    mixtures = trained["members"].nunique()
    if len(trained) < FEWEST or mixtures < FEWEST:
        return found
    looked_at = features(trained, feature_names(trained, scores, settings))
    value = trained["val_acc"]
    folds = GroupKFold(_FOLDS, shuffle=True, random_state=0)
    for fitted, left in folds.split(looked_at, groups=trained["members"]):
        model = _ridge().fit(looked_at.iloc[fitted], value.iloc[fitted])
        off = model.predict(looked_at.iloc[left]) - value.iloc[fitted].mean()
        found.iloc[left] = value.mean() + off
    return found


def predict(
    trained: pd.DataFrame, rows: pd.DataFrame, scores: Sequence[str], settings: Sequence[str]
) -> "pd.Series[float]":
    """The accuracy that a fit to the trained candidates predicts for other mixtures, `(m,)`.

    `rows` has the columns `families` and the scores. Predictions are at the trained candidates'
    mean settings. NaN for fewer than FEWEST trained candidates.
    """
    if len(trained) < FEWEST:
        return pd.Series(np.nan, index=rows.index)
    columns = feature_names(trained, scores, settings)
    looked_at = features(trained, columns)
    model = _ridge().fit(looked_at, trained["val_acc"])
    scaler, ridge = model[0], model[-1]
    # Summed column by column, so that the design matrix of a whole space is never built.
    weight = dict(zip(columns, ridge.coef_ / scaler.scale_, strict=True))
    total = float(ridge.intercept_) - float((scaler.mean_ * ridge.coef_ / scaler.scale_).sum())
    total += sum(weight[name] * looked_at[name].mean() for name in columns if "=" in name)
    found = np.full(len(rows), total)
    for name in scores:
        found += weight[name] * rows[name].to_numpy(dtype=float)
    held = rows["families"].str.split("+", expand=True).to_numpy()
    families = np.unique(held)
    codes = np.searchsorted(families, held)  # (n, k)
    alone = np.array([weight.get(family, 0.0) for family in families])
    pairs = np.array(
        [[weight.get("+".join(sorted((a, b))), 0.0) for b in families] for a in families]
    )
    found += alone[codes].sum(axis=1)
    for a, b in combinations(range(codes.shape[1]), 2):
        found += pairs[codes[:, a], codes[:, b]]
    return pd.Series(found, index=rows.index)


def feature_names(
    trained: pd.DataFrame, scores: Sequence[str], settings: Sequence[str]
) -> list[str]:
    """The columns of the regression: the scores, families, pairs of families that are in several
    candidates, and each value of the settings."""
    held = trained["families"].str.split("+")
    families = sorted({family for names in held for family in names})
    counts = Counter(pair for names in held for pair in combinations(sorted(names), 2))
    pairs = sorted("+".join(pair) for pair, n in counts.items() if n > 1)
    values = [
        f"{name}={value}"
        for name in settings
        for value in sorted(trained[name].astype("str").unique())
    ]
    return [*scores, *families, *pairs, *values]


def features(rows: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The columns that `feature_names` lists, `(n, columns)`."""
    held = rows["families"].str.get_dummies("+").astype(float)
    found = {}
    for name in columns:
        if name in rows:
            found[name] = rows[name].astype(float)
        elif "=" in name:
            axis, value = name.split("=", 1)
            found[name] = (rows[axis].astype("str") == value) * 1.0
        else:
            each = [held[family] for family in name.split("+")]
            found[name] = each[0] if len(each) == 1 else each[0] * each[1]
    return pd.DataFrame(found, index=rows.index)


def _ridge() -> Any:
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 4, 11)))
