"""Which arm is best: the first section of a campaign that compares arms."""

from typing import Any

from nas.report.page.serialize import Column, need_columns, table
from nas.report.page.snapshot import Snapshot
from nas.report.page.together import about_effects

_EFFECTS = (
    Column("family", "Arm", "text"),
    Column("effect", "Difference", "points", "against the reference arm"),
    Column("effect_low", "95 % low", "points", "Welch, variants counting equally"),
    Column("effect_high", "95 % high", "points"),
    Column("draws", "Runs", "int"),
)
_TABLE = (
    Column("arm", "Arm", "text"),
    Column("variant", "Variant", "text", "empty: all variants of the arm together"),
    Column("runs", "Runs", "int", "candidates and replicates that learned"),
    Column("mean_val_acc", "Mean val", "percent", "of several variants: mean of their means"),
    Column("val_acc_low", "95 % low", "percent", "t interval over seeds"),
    Column("val_acc_high", "95 % high", "percent"),
    Column("sd_val_acc", "SD", "spread", "standard deviation over seeds, within variants"),
    Column("difference", "Difference", "points", "against the reference arm"),
    Column("difference_low", "95 % low", "points", "Welch, variants counting equally"),
    Column("difference_high", "95 % high", "points"),
    Column("mean_test_acc", "Mean test", "percent"),
    Column("mean_train_loss", "Train loss", "float", "last epoch"),
    Column("mean_val_loss", "Val loss", "float"),
    Column("params", "Parameters", "count"),
    Column("macs", "MACs", "count"),
    Column("seconds", "Time", "seconds", "worker time of a run"),
    Column("failed", "Failed", "int"),
    Column("collapsed", "Collapsed", "int"),
)


def arms(ledger: Snapshot, campaign: str) -> dict[str, Any] | None:
    """`answer`: a sentence; `reference`: the arm that others are compared with; `effects`: its
    differences from the other arms, in the columns of the families' effects; `left_out`: 0;
    `table`: all figures of arms and variants.

    None for a space without arms.
    """
    space = ledger.campaign(campaign).space
    if not space.arms:
        return None
    reference = space.reference or next(iter(space.arms))
    rows = ledger.table("arms", campaign)
    rows = need_columns(rows, [column.name for column in _TABLE], "arms")
    known = rows[rows["variant"] == ""].dropna(subset=["difference"])
    known = known.rename(
        columns={
            "arm": "family",
            "difference": "effect",
            "difference_low": "effect_low",
            "difference_high": "effect_high",
            "runs": "draws",
        }
    ).sort_values("effect", ascending=False, kind="stable")
    judged = known.dropna(subset=["effect_low"])
    return {
        "answer": about_effects(judged, "arm", reference),
        "reference": reference,
        "effects": table(judged, _EFFECTS, "arms"),
        "left_out": 0,
        "table": table(rows, _TABLE, "arms"),
    }
