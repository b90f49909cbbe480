"""The leaderboard."""

from typing import Any

import pandas as pd

from nas.report.page.serialize import Column, need_columns, table
from nas.report.page.snapshot import Snapshot

_BEFORE = (
    Column("number", "No.", "number", "place in the sequence of draws, from 0; opens its card"),
    Column("val_acc", "Val", "percent", "validation accuracy, which alone decides the rank"),
    Column("val_se", "± SE", "spread", "binomial standard error of the validation accuracy"),
    Column("families", "Families", "joined"),
)
_MEMBERS = Column("members", "Members", "joined", "timm models")
_AFTER = (
    Column("collapsed", "Collapsed", "flag", "not clearly better than the most frequent class"),
    Column("confirm_val_acc", "Confirmed", "percent", "mean of retrainings with new seeds"),
    Column("test_acc", "Test", "percent", "for reporting, not for choosing"),
    Column(
        "lift_over_alone",
        "Lift over best alone",
        "points",
        "test accuracy over its best member trained alone",
    ),
    Column(
        "lift_over_uniform",
        "Lift over plain mean",
        "points",
        "test accuracy over the plain mean of its experts",
    ),
    Column(
        "experts_used",
        "Experts used",
        "float",
        "effective number: 1 if one expert has all the weight",
    ),
    Column("params", "Parameters", "count"),
    Column("macs", "MACs", "count", "multiply-accumulates of one image, forward"),
    Column("seconds", "Worker time", "seconds", "of all its attempts"),
    Column("rank", "Rank", "int", "by validation accuracy"),
    Column("key", "Key", "key"),
)
CARD_ONLY = ("members", "rank", "key")
"""Columns that the card shows and the table does not; a single expert's member is shown."""


def board(ledger: Snapshot, campaign: str) -> pd.DataFrame:
    """The leaderboard's DataFrame, best validation accuracy first. Raises ProblemError if a user's
    own analysis lacks a column."""
    rows = ledger.table("leaderboard", campaign)
    return need_columns(
        rows, [column.name for column in (*_BEFORE, _MEMBERS, *_AFTER)], "leaderboard"
    )


def leaders(rows: pd.DataFrame, limit: int) -> dict[str, Any]:
    """`table`: the best `limit` candidates; `total`: number of candidates; `gates`: names of the
    columns with gate settings; `card_only`: columns that only the card shows."""
    gates = [name for name in rows.columns if name.startswith("gate_")]
    settings = [Column(n, n.removeprefix("gate_").replace("_", " "), "text") for n in gates]
    shown = rows.head(limit).assign(**{n: rows[n].map(_setting) for n in gates})
    mixed = rows["families"].str.contains("+", regex=False).any() or rows.empty
    return {
        "table": table(shown, (*_BEFORE, _MEMBERS, *settings, *_AFTER), "leaderboard"),
        "total": len(rows),
        "gates": gates,
        "card_only": CARD_ONLY if mixed else CARD_ONLY[1:],
    }


def _setting(value: Any) -> Any:
    return value if pd.isna(value) else str(value)
