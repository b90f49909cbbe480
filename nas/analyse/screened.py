"""A campaign that was drawn from a screen: its two arms, and what the screen said of them."""

import numpy as np
import pandas as pd

from nas.analyse.frames import Frames
from nas.analyse.measures import device_hours
from nas.ledger.screens import SCORES, screen_of, screened
from nas.spec import ProblemError

SMALLER = frozenset({"params", "latency", *(name for name in SCORES if name.endswith("_loss"))})
"""Scores of which less is better."""
FEWEST = 12
"""Trained candidates that a correction is fitted on."""


def arms(frames: Frames) -> pd.DataFrame:
    """One row a candidate that was trained to its end: `candidate`, `families`, `members`,
    `val_acc`, `arm` (`chosen` or `control`), and the screen's scores.

    Raises ProblemError for a campaign that was not drawn from a screen.
    """
    ident = frames.config.get("screen")
    if ident is None:
        raise ProblemError(
            "this campaign was not drawn from a screen",
            where=frames.campaign,
            fix="begin one with `nas search --from-screen 20`",
        )
    scores = screened(frames.ledger, ident)
    by, top = frames.config["by"], frames.config["top"]
    ordered = scores.dropna(subset=[by]).sort_values(
        [by, "rank"], ascending=[by in SMALLER, True], kind="stable"
    )
    chosen = set(ordered["members"].head(top))
    rows = frames.candidates
    rows = rows[(rows["role"] == "search") & (rows["outcome"] == "ok")]
    gates = [name for name in rows.columns if name.startswith("gate_")]
    rows = rows[["candidate", "families", "members", "val_acc", *gates]]
    rows = rows.merge(scores.drop(columns=["families"]), on="members", how="left")
    arm = np.where(rows["members"].isin(chosen), "chosen", "control")
    return rows.assign(arm=arm)


def corrected(trained: pd.DataFrame) -> "pd.Series[float]":
    """What a ridge regression foretells of each candidate from all the others.

    On the screen's scores, families, pairs of families and settings; the penalty is chosen within
    each fit. Missing below FEWEST candidates.
    """
    from sklearn.linear_model import RidgeCV
    from sklearn.model_selection import LeaveOneOut, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    found = pd.Series(np.nan, index=trained.index)
    if len(trained) < FEWEST:
        return found
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-1, 4, 11)))
    found[:] = cross_val_predict(model, features(trained), trained["val_acc"], cv=LeaveOneOut())
    return found


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """What the correction looks at: scores that all have, families, pairs of them that stand in
    several candidates, and the gate's settings."""
    held = rows["families"].str.get_dummies("+").astype(float)
    pairs = {
        f"{a}+{b}": held[a] * held[b]
        for n, a in enumerate(held.columns)
        for b in held.columns[n + 1 :]
    }
    together = pd.DataFrame(pairs, index=rows.index)
    together = together.loc[:, together.sum() > 1]
    scores = rows[[n for n in SCORES if not n.endswith("_test") and rows[n].notna().all()]]
    settings = pd.get_dummies(rows.filter(like="gate_").astype("str")).astype(float)
    return pd.concat([scores, held, together, settings], axis=1)


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
    return "; ".join(parts)
