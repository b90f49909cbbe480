"""The leaderboard, and the code of everyone on it."""

from typing import Any

import pandas as pd

from nas.report.page.serialize import Column, need_columns, table
from nas.report.page.snapshot import Snapshot

_BEFORE = (
    Column("rank", "Rank", "int"),
    Column("number", "Draw", "number", "place in the sequence of draws, from 0"),
    Column("families", "Families", "joined"),
)
_AFTER = (
    Column("val_acc", "Val", "percent", "validation accuracy, by which alone it is ranked"),
    Column("val_se", "± SE", "percent", "binomial standard error: leaders closer than that tie"),
    Column("collapsed", "Collapsed", "flag", "not clearly better than always the commonest class"),
    Column("confirm_val_acc", "Confirmed", "percent", "mean of retrainings with new seeds"),
    Column("test_acc", "Test", "percent", "to be reported, not to choose by"),
    Column("lift_over_alone", "Lift, alone", "points", "test, over its best member trained alone"),
    Column("lift_over_uniform", "Lift, uniform", "points", "test, over its experts' plain mean"),
    Column("experts_used", "Experts used", "float", "1: one does everything; k: all weigh alike"),
    Column("params", "Parameters", "count"),
    Column("macs", "MACs", "count", "multiply-accumulates of one image, forward"),
    Column("seconds", "Worker time", "seconds", "of all its attempts"),
    Column("members", "Members", "joined", "timm models"),
    Column("key", "Key", "key"),
)


def board(ledger: Snapshot, campaign: str) -> pd.DataFrame:
    """The leaderboard's DataFrame, best validation first; ProblemError if it is one's own and
    lacks a column."""
    rows = ledger.table("leaderboard", campaign)
    return need_columns(rows, [column.name for column in (*_BEFORE, *_AFTER)], "leaderboard")


def leaders(rows: pd.DataFrame, limit: int) -> dict[str, Any]:
    """`table`: the best `limit`; `total`: of how many; `gates`: its columns of gate settings."""
    gates = [name for name in rows.columns if name.startswith("gate_")]
    settings = [Column(n, n.removeprefix("gate_").replace("_", " "), "text") for n in gates]
    shown = rows.head(limit).assign(**{n: rows[n].map(_setting) for n in gates})
    return {
        "table": table(shown, (*_BEFORE, *settings, *_AFTER), "leaderboard"),
        "total": len(rows),
        "gates": gates,
    }


def _setting(value: Any) -> Any:
    return value if pd.isna(value) else str(value)
