"""What each setting of an arm changes, the others held equal."""

from typing import Any

import pandas as pd

from nas.report.page.serialize import Column, need_columns, table
from nas.report.page.snapshot import Snapshot
from nas.report.page.together import listed, points

_LOW, _HIGH = "95 % low", "95 % high"
_COLUMNS = (
    Column("arm", "Arm", "text"),
    Column("setting", "Setting", "text", "recipe.NAME is a field of the recipe"),
    Column("step", "Step", "text", "doubled, or from the first value to another"),
    Column("runs", "Runs", "int", "of the arm: all count"),
    Column("change_val_acc", "Validation accuracy", "points", "adjusted for the other settings"),
    Column("change_val_acc_low", _LOW, "points", "least squares, HC3"),
    Column("change_val_acc_high", _HIGH, "points"),
    Column(
        "change_loss_gap", "Loss gap", "change", "cross-entropy on validation − training images"
    ),
    Column("change_loss_gap_low", _LOW, "change"),
    Column("change_loss_gap_high", _HIGH, "change"),
    Column("change_imbalance", "Imbalance", "change", "max q / min q, q the experts’ shares"),
    Column("change_imbalance_low", _LOW, "change"),
    Column("change_imbalance_high", _HIGH, "change"),
    Column(
        "change_spec_entropy", "Router entropy", "change", "mean H(p) / ln E: below 0 is sharper"
    ),
    Column("change_spec_entropy_low", _LOW, "change"),
    Column("change_spec_entropy_high", _HIGH, "change"),
    Column("runs_needed", "Runs needed", "int", "for an interval of ± 1.5 points of accuracy"),
)


def arm_effects(ledger: Snapshot, campaign: str) -> dict[str, Any] | None:
    """`answer`: a sentence; `note`: which settings have no effect, and why, or on which runs the
    effects are estimated; `table`: the effects of settings.

    None for a space without arms, and where no arm was trained with several values of a setting.
    """
    if not ledger.campaign(campaign).space.arms:
        return None
    rows = ledger.table("arm_effects", campaign)
    rows = need_columns(rows, [column.name for column in _COLUMNS], "arm_effects")
    if rows.empty:
        return None
    return {
        "answer": about_settings(rows),
        "note": rows.attrs.get("note", ""),
        "table": table(rows, _COLUMNS, "arm_effects"),
    }


def about_settings(rows: pd.DataFrame) -> str:
    """A sentence about the settings whose interval excludes zero, the largest effects first."""
    known = rows.dropna(subset=["change_val_acc_low"])
    if known.empty:
        return "No setting’s effect has an interval."
    known = known.assign(size=known["change_val_acc"].abs())
    known = known.sort_values("size", ascending=False, kind="stable")
    found = known[(known["change_val_acc_low"] > 0) | (known["change_val_acc_high"] < 0)]
    if found.empty:
        intervals = (
            f"all {len(known)} intervals include" if len(known) > 1 else "its interval includes"
        )
        return f"No setting is shown to change validation accuracy: {intervals} zero."
    columns = (found[name] for name in ("setting", "step", "arm", "change_val_acc"))
    names = [
        f"{setting} {step} in {arm} ({points(change)})"
        for setting, step, arm, change in zip(*columns, strict=True)
    ]
    return f"Shown to change validation accuracy, in percentage points: {listed(names)}."
