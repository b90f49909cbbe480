"""Whether the experts that were there changed when another was added."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from nas.report.page.routing import each_variant, names_of
from nas.report.page.serialize import Column, need_columns, table
from nas.report.page.snapshot import Snapshot
from nas.report.page.together import listed, points

_TABLE = (
    Column("arm", "Arm", "text"),
    Column("variant", "Variant", "text", "empty: all variants of the arm together"),
    Column("runs", "Runs", "int", "candidates and replicates that learned"),
    Column("tensors", "Tensors", "int", "parameters and buffers of what was there before"),
    Column("changed", "Changed", "float", "of these, mean number"),
    Column("equal", "Equal", "int", "runs whose old experts’ logits are the same bit for bit"),
    Column("before_acc", "Before", "percent", "accuracy of the old experts on their own images"),
    Column("after_acc", "After", "percent"),
    Column("gain", "Difference", "points", "after − before"),
    Column("gain_low", "95 % low", "points", "t interval over runs"),
    Column("gain_high", "95 % high", "points"),
    Column("gain_worst", "Worst run", "points"),
    Column("mean_val_acc", "Validation", "percent", "of the whole mixture at the end"),
    Column("sd_val_acc", "SD", "spread", "over seeds, within variants"),
)


def hot_plug(ledger: Snapshot, campaign: str) -> dict[str, Any] | None:
    """`answer`: a sentence; `note`: which runs are left out; `table`: what adding an expert changed
    in the others, by arm and variant.

    None for a space without arms, and while no run added an expert.
    """
    space = ledger.campaign(campaign).space
    if not space.arms:
        return None
    rows = ledger.table("hot_plug", campaign)
    rows = need_columns(rows, [column.name for column in _TABLE], "hot_plug")
    if rows.empty:
        return None
    return {
        "answer": about_added(rows, names_of(space)),
        "note": rows.attrs.get("note", ""),
        "table": table(rows, _TABLE, "hot_plug"),
    }


def about_added(rows: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Where the old experts stayed the same. `rows`: of the analysis hot_plug."""
    rows = each_variant(rows, names)
    equal = rows["equal"] == rows["runs"]
    same = [f"{r.name} ({r.equal} of {r.runs} runs)" for r in _each(rows[equal])]
    other = [
        f"{r.name} ({r.runs - r.equal} of {r.runs} runs; accuracy on their own images"
        f" {points(r.gain)} points{_interval(r)})"
        for r in _each(rows[~equal])
    ]
    sentences = []
    if same:
        what = "the old ones give the same logits, bit for bit, in"
        sentences.append(f"After another expert was added, {what} {listed(same)}.")
    if other:
        sentences.append(f"The logits of the old experts changed in {listed(other)}.")
    return " ".join(sentences)


def _each(rows: pd.DataFrame) -> Iterator[Any]:
    return rows.itertuples(index=False)


def _interval(row: Any) -> str:
    if pd.isna(row.gain_low):
        return ""
    return f", 95 % interval {points(row.gain_low)} to {points(row.gain_high)}"
