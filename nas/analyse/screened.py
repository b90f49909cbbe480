"""A campaign that was drawn from a screen: its two arms, and what the screen said of them."""

from collections import Counter
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd

from nas.analyse.frames import Frames
from nas.analyse.measures import device_hours
from nas.ledger import Ledger
from nas.ledger.screens import SCORES, best_screened, screen_of, screened
from nas.spec import ProblemError

PROXIES = ("grad_norm", "naswot")
FEWEST = 12
"""Trained candidates that a correction is fitted on."""
_AT_ONCE = 5000
"""Mixtures foretold at a time: bounds the memory."""


def arms(frames: Frames) -> pd.DataFrame:
    """One row a candidate that was trained to its end: `candidate`, `families`, `members`,
    `val_acc`, `macs`, `arm` (`chosen` or `control`), and what `with_scores` adds.

    Raises ProblemError for a campaign that was not drawn from a screen.
    """
    ident = frames.config.get("screen")
    if ident is None:
        raise ProblemError(
            "this campaign was not drawn from a screen",
            where=frames.campaign,
            fix="begin one with `nas search --from-screen 20`",
        )
    by, top = frames.config["by"], frames.config["top"]
    best = best_screened(frames.ledger, ident, by, top)
    rows = frames.candidates
    rows = rows[(rows["role"] == "search") & (rows["outcome"] == "ok")]
    gates = [name for name in rows.columns if name.startswith("gate_")]
    rows = rows[["candidate", "families", "members", "val_acc", "macs", *gates]]
    rows = with_scores(rows, frames.ledger, ident)
    chosen = rows["members"].isin([members for _, members in best])
    return rows.assign(arm=np.where(chosen, "chosen", "control"))


def with_scores(rows: pd.DataFrame, ledger: Ledger, ident: int) -> pd.DataFrame:
    """Rows that name their `members`, with a screen's scores of them and zero-cost proxies: those
    of the members, each before its training, added up."""
    scores = screened(ledger, ident).drop(columns=["families"])
    rows = rows.merge(scores, on="members", how="left")
    known = {e["model"]: e.get("proxies", {}) for e in screen_of(ledger, ident).experts}
    for proxy in PROXIES:
        rows[proxy] = [
            sum(known.get(model, {}).get(proxy, np.nan) for model in members.split("+"))
            for members in rows["members"]
        ]
    return rows


def corrected(trained: pd.DataFrame) -> "pd.Series[float]":
    """What the correction foretells of each candidate from all the others.

    Missing below FEWEST candidates.
    """
    from sklearn.model_selection import LeaveOneOut, cross_val_predict

    found = pd.Series(np.nan, index=trained.index)
    if len(trained) >= FEWEST:
        looked_at = features(trained, columns_of(trained))
        found[:] = cross_val_predict(_ridge(), looked_at, trained["val_acc"], cv=LeaveOneOut())
    return found


def foretold(trained: pd.DataFrame, rows: pd.DataFrame) -> "pd.Series[float]":
    """What the correction, fitted on the trained candidates, foretells of any mixtures.

    They get the trained ones' mean settings. Missing below FEWEST trained candidates.
    """
    found = pd.Series(np.nan, index=rows.index)
    if len(trained) < FEWEST:
        return found
    columns = columns_of(trained)
    looked_at = features(trained, columns)
    model = _ridge().fit(looked_at, trained["val_acc"])
    settings = [name for name in columns if "=" in name]
    for start in range(0, len(rows), _AT_ONCE):
        some = features(rows.iloc[start : start + _AT_ONCE], columns)
        some[settings] = looked_at[settings].mean().to_numpy()
        found.iloc[start : start + _AT_ONCE] = model.predict(some)
    return found


def columns_of(trained: pd.DataFrame) -> list[str]:
    """What the correction looks at: scores that all have, families, pairs of them that stand in
    several candidates, and the gate's settings."""
    scores = [n for n in SCORES if not n.endswith("_test") and trained[n].notna().all()]
    held = trained["families"].str.split("+")
    families = sorted({family for names in held for family in names})
    counts = Counter(pair for names in held for pair in combinations(sorted(names), 2))
    pairs = sorted("+".join(pair) for pair, n in counts.items() if n > 1)
    settings = [
        f"{name}={value}"
        for name in trained.columns
        if name.startswith("gate_") and name not in SCORES
        for value in sorted(trained[name].astype("str").unique())
    ]
    return [*scores, *families, *pairs, *settings]


def features(rows: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """(n, columns) of `columns_of`; 0 for a setting that the rows do not tell."""
    held = rows["families"].str.get_dummies("+").astype(float)
    none = pd.Series(0.0, index=rows.index)
    found = {}
    for name in columns:
        if name in SCORES:
            found[name] = rows[name].astype(float)
        elif "=" in name:
            axis, value = name.split("=", 1)
            found[name] = (rows[axis].astype("str") == value) * 1.0 if axis in rows else none
        else:
            each = [held.get(family, none) for family in name.split("+")]
            found[name] = each[0] if len(each) == 1 else each[0] * each[1]
    return pd.DataFrame(found, index=rows.index)


def _ridge() -> Any:
    """The penalty is chosen within each fit."""
    from sklearn.linear_model import RidgeCV
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    return make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 4, 11)))


def told(frames: Frames, trained: pd.DataFrame) -> str:
    """The regret and the costs, in words."""
    screen = screen_of(frames.ledger, frames.config["screen"])
    chosen = trained.loc[trained["arm"] == "chosen", "val_acc"]
    control = trained.loc[trained["arm"] == "control", "val_acc"]
    bank = sum(expert["seconds"] for expert in screen.experts)
    parts = [f"{len(chosen)} chosen by {frames.config['by']} and {len(control)} controls"]
    if len(chosen) and len(control):
        best, other = chosen.max(), control.max()
        parts.append(
            f"best {100 * best:.2f} % against {100 * other:.2f} %, mean {100 * chosen.mean():.2f} %"
            f" against {100 * control.mean():.2f} %"
        )
    hours = device_hours(frames).reindex(trained["candidate"])
    each = 3600 * float(hours.mean()) if len(hours) else float("nan")
    scored = len(screened(frames.ledger, screen.id))
    per_mixture = screen.seconds / max(1, scored)
    parts.append(
        f"a trained candidate took {each:.1f} s, a screened one {1000 * per_mixture:.2f} ms after"
        f" {bank:.0f} s for the bank's experts"
    )
    if len(chosen) and each > 0:
        parts.append(
            f"for the price of experts, screen and chosen, {(bank + screen.seconds) / each:.0f}"
            f" more than {len(chosen)} could have been trained at random"
        )
    return "; ".join(parts)
