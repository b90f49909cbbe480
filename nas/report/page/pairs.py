"""Pairs of families: draws, mean accuracies and synergies."""

from typing import TYPE_CHECKING, Any

from nas.report.page.families import headed
from nas.report.page.serialize import Column, need_columns, table
from nas.report.page.snapshot import Snapshot

if TYPE_CHECKING:
    import pandas as pd

_TABLE = (
    Column("family_a", "Family", "text"),
    Column("family_b", "with", "text"),
    Column("synergy", "Synergy", "points", "beyond the sum of the two families' effects"),
    Column("synergy_low", "95 % low", "points"),
    Column("synergy_high", "95 % high", "points"),
    Column("q_value", "q", "probability", "Benjamini–Hochberg: expected share of false finds"),
    Column("together", "Compared", "int", "candidates with both that the synergy is estimated on"),
    Column("mean_val_acc", "Mean", "percent", "of those that learned, not adjusted"),
    Column("draws", "Draws", "int", "candidates drawn with both"),
    Column("ok", "Trained", "int"),
    Column("collapsed", "Collapsed", "int", "not clearly better than the most frequent class"),
)


def need_pairs(rows: "pd.DataFrame") -> "pd.DataFrame":
    """The DataFrame of pairs. Raises ProblemError if a user's own analysis lacks a column."""
    return need_columns(rows, [column.name for column in _TABLE], "cooccurrence")


def pairs(ledger: Snapshot, campaign: str) -> dict[str, Any]:
    """`table`: one row per pair; `families`: the families in the matrix's order."""
    rows = need_pairs(ledger.table("cooccurrence", campaign))
    made = table(rows, headed(_TABLE, bool(rows["collapsed"].any())), "cooccurrence")
    named = {*made["values"]["family_a"], *made["values"]["family_b"]}
    return {"table": made, "families": sorted(named)}
