"""Cumulative worker time by kind, and the best validation accuracy so far."""

from typing import Any

import numpy as np
import pandas as pd

from nas.report.page.serialize import Column, table, values
from nas.report.page.snapshot import Snapshot
from nas.results.outcomes import FAILED

POINTS = 240
"""Maximum number of steps of the cumulative curves."""
KINDS = ("trained", "pruned", "controls and confirmations", "failed", "interrupted")
_COLUMNS = (
    Column("at", "Until (UTC)", "time"),
    *(Column(kind, kind.capitalize(), "seconds", "worker time, cumulative") for kind in KINDS),
    Column("best", "Best val so far", "percent"),
)


def timeline(ledger: Snapshot, campaign: str) -> dict[str, Any]:
    """`table`: cumulative worker seconds by kind, from zero at the first attempt's start, at up to
    POINTS times and, if there are at most POINTS improvements of `best`, at each of them; `events`:
    `at`, `kind` and `family` of each event."""
    rows = ledger.attempts(campaign)
    rows = rows[rows["outcome"].notna() & rows["ended_at"].notna()].sort_values("ended_at")
    kind = rows["outcome"].map({"ok": "trained", "pruned": "pruned"}).fillna("interrupted")
    kind = kind.mask(rows["outcome"].isin(FAILED), "failed")
    kind = kind.mask((rows["role"] != "search") & (kind == "trained"), KINDS[2])
    best = rows["val_acc"].where((rows["role"] == "search") & (rows["outcome"] == "ok")).cummax()
    made = pd.DataFrame({"at": rows["ended_at"]})
    for name in KINDS:
        made[name] = rows["seconds"].where(kind == name, 0.0).cumsum()
    made["best"] = best.ffill()
    if len(rows):
        start = {"at": rows["started_at"].min(), **dict.fromkeys(KINDS, 0.0)}
        made = pd.concat([pd.DataFrame([start]), made], ignore_index=True)
    chosen = np.unique(np.linspace(0, len(made) - 1, min(POINTS, len(made))).round().astype(int))
    gain = made["best"].diff().fillna(made["best"])  # the first result is one too
    improved = np.flatnonzero(gain.to_numpy() > 0)
    if len(improved) <= POINTS:
        chosen = np.union1d(chosen, improved)
    events = ledger.events(campaign)
    return {
        "table": table(made.iloc[chosen], _COLUMNS, "timeline"),
        "events": {
            "at": values(events["at"], "time"),
            "kind": values(events["kind"]),
            "family": values(events["family"]),
        },
    }
