"""Effects, success rates and lifts of families, with 95 % intervals."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from nas.report.page.serialize import Column, need_columns, table
from nas.report.page.snapshot import Snapshot

_TABLE = (
    Column("family", "Family", "text"),
    Column("advice", "Advice", "text", "drop: all of the interval below −1 pt; keep: above it"),
    Column("effect", "Effect", "points", "against the average family, adjusted for its partners"),
    Column("effect_low", "95 % low", "points"),
    Column("effect_high", "95 % high", "points"),
    Column("not_estimable", "No effect because", "text"),
    Column("draws", "Draws", "int"),
    Column("ok", "Trained", "int"),
    Column("success_rate", "Success", "percent", "trained / (trained + failed)"),
    Column("success_low", "95 % low", "percent", "Wilson"),
    Column("success_high", "95 % high", "percent", "Wilson"),
    Column(
        "collapse_rate",
        "Collapsed",
        "percent",
        "runs not clearly better than the most frequent class",
    ),
    Column("collapse_low", "95 % low", "percent", "Wilson"),
    Column("collapse_high", "95 % high", "percent", "Wilson"),
    Column("mean_val_acc", "Mean", "percent", "of its runs that learned, not adjusted"),
    Column("pruned", "Pruned", "int"),
    Column("failed", "Failed", "int"),
    Column("open", "Open", "int"),
    Column("device_hours_per_success", "Device time per success", "hours", "failures included"),
    Column("reason", "Reason", "text"),
)


_LIFT = (
    Column("family", "Family", "text"),
    Column("lift_over_alone", "Over best alone", "points", "test: its best member trained alone"),
    Column("lift_over_alone_low", "95 % low", "points"),
    Column("lift_over_alone_high", "95 % high", "points"),
    Column("n_alone", "n", "int", "candidates"),
    Column(
        "lift_over_uniform", "Over plain mean", "points", "test: unweighted mean of its experts"
    ),
    Column("lift_over_uniform_low", "95 % low", "points"),
    Column("lift_over_uniform_high", "95 % high", "points"),
    Column("n_uniform", "n", "int", "candidates"),
)


def yields(ledger: Snapshot, campaign: str) -> pd.DataFrame:
    """The DataFrame of families, best first. Raises ProblemError if a user's own analysis lacks a
    column."""
    rows = ledger.table("family_yield", campaign)
    return need_columns(rows, [column.name for column in _TABLE], "family_yield")


def families(ledger: Snapshot, campaign: str, rows: pd.DataFrame) -> dict[str, Any]:
    """`table`: one row per family, in the analysis's order; `lift`: one row for all families
    together, then one per family; `note`: on which runs the effects are estimated; `collapsed`:
    whether any run collapsed."""
    collapsed = bool((rows["collapse_rate"] > 0).any())
    return {
        "table": table(rows, headed(_TABLE, collapsed), "family_yield"),
        "lift": table(ledger.table("lift", campaign), _LIFT, "lift"),
        "note": rows.attrs.get("note", ""),
        "collapsed": collapsed,
    }


def headed(columns: Sequence[Column], collapsed: bool) -> tuple[Column, ...]:
    """The columns. If runs collapsed, the titles of effects and means name the runs they are of."""
    if not collapsed:
        return tuple(columns)
    return tuple(
        column._replace(title=f"{column.title} of runs that learned")
        if column.name in ("effect", "synergy", "mean_val_acc")
        else column
        for column in columns
    )
