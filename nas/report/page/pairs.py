"""Which families do better together: counts, means and synergies of pairs."""

from typing import Any

from nas.report.page.families import headed
from nas.report.page.serialize import Column, need_columns, table
from nas.report.page.snapshot import Snapshot

_TABLE = (
    Column("family_a", "Family", "text"),
    Column("family_b", "with", "text"),
    Column("draws", "Draws", "int", "candidates drawn with both"),
    Column("ok", "Trained", "int"),
    Column(
        "collapsed", "Collapsed", "int", "of those, not clearly better than the commonest class"
    ),
    Column("mean_val_acc", "Raw mean", "percent", "of those that learned"),
    Column("synergy", "Synergy", "points", "beyond the sum of the two families' effects"),
    Column("synergy_low", "95 % low", "points"),
    Column("synergy_high", "95 % high", "points"),
    Column("q_value", "q", "probability", "Benjamini–Hochberg: expected share of false finds"),
)


def pairs(ledger: Snapshot, campaign: str) -> dict[str, Any]:
    """`table`: one row a pair; `families`: the matrix' order, the space's."""
    rows = ledger.table("cooccurrence", campaign)
    need_columns(rows, [column.name for column in _TABLE], "cooccurrence")
    made = table(rows, headed(_TABLE, bool(rows["collapsed"].any())), "cooccurrence")
    named = {*made["values"]["family_a"], *made["values"]["family_b"]}
    return {"table": made, "families": sorted(named)}
