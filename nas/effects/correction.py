"""What trained mixtures say of those that were not: a regression over a screen's scores.

Ridge regression of validation accuracy on scores, families, pairs of families and settings; its
penalty is chosen by leave-one-out within each fit.
"""

from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

FEWEST = 12
"""Trained candidates that a correction is fitted on."""
_FOLDS = 20
_AT_ONCE = 5000
"""Mixtures foretold at a time: bounds the memory."""


def left_out(
    trained: pd.DataFrame, scores: Sequence[str], settings: Sequence[str]
) -> "pd.Series[float]":
    """What the correction foretells of each candidate from others: fitted on all other folds.

    `trained` holds `families` (joined by +), `val_acc`, the scores and the settings. Missing below
    FEWEST candidates.
    """
    from sklearn.model_selection import KFold, cross_val_predict

    found = pd.Series(np.nan, index=trained.index)
    if len(trained) >= FEWEST:
        looked_at = features(trained, columns_of(trained, scores, settings))
        folds = KFold(min(_FOLDS, len(trained)), shuffle=True, random_state=0)
        found[:] = cross_val_predict(_ridge(), looked_at, trained["val_acc"], cv=folds)
    return found


def foretold(
    trained: pd.DataFrame, rows: pd.DataFrame, scores: Sequence[str], settings: Sequence[str]
) -> "pd.Series[float]":
    """What the correction, fitted on the trained candidates, foretells of any mixtures.

    `rows` holds `families` and the scores. They get the trained ones' mean settings. Missing below
    FEWEST trained candidates.
    """
    found = pd.Series(np.nan, index=rows.index)
    if len(trained) < FEWEST:
        return found
    columns = columns_of(trained, scores, settings)
    looked_at = features(trained, columns)
    model = _ridge().fit(looked_at, trained["val_acc"])
    named = [name for name in columns if "=" in name]
    for start in range(0, len(rows), _AT_ONCE):
        some = features(rows.iloc[start : start + _AT_ONCE], columns)
        some[named] = looked_at[named].mean().to_numpy()
        found.iloc[start : start + _AT_ONCE] = model.predict(some)
    return found


def columns_of(trained: pd.DataFrame, scores: Sequence[str], settings: Sequence[str]) -> list[str]:
    """What the correction looks at: scores that all have, families, pairs of them that stand in
    several candidates, and each value of the settings."""
    known = [name for name in scores if trained[name].notna().all()]
    held = trained["families"].str.split("+")
    families = sorted({family for names in held for family in names})
    counts = Counter(pair for names in held for pair in combinations(sorted(names), 2))
    pairs = sorted("+".join(pair) for pair, n in counts.items() if n > 1)
    values = [
        f"{name}={value}"
        for name in settings
        for value in sorted(trained[name].astype("str").unique())
    ]
    return [*known, *families, *pairs, *values]


def features(rows: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """(n, columns) of `columns_of`; 0 for a setting that the rows do not tell."""
    held = rows["families"].str.get_dummies("+").astype(float)
    none = pd.Series(0.0, index=rows.index)
    found = {}
    for name in columns:
        if name in rows:
            found[name] = rows[name].astype(float)
        elif "=" in name:
            axis, value = name.split("=", 1)
            found[name] = (rows[axis].astype("str") == value) * 1.0 if axis in rows else none
        else:
            each = [held.get(family, none) for family in name.split("+")]
            found[name] = each[0] if len(each) == 1 else each[0] * each[1]
    return pd.DataFrame(found, index=rows.index)


def _ridge() -> Any:
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 4, 11)))
