"""The best candidates, the command that exports each, and the uncertainty of their order."""

from typing import Any

import pandas as pd

from nas.report.page.serialize import Column, table
from nas.report.page.snapshot import Snapshot
from nas.results.aggregates import finals, wilson

SHOWN = 3
_COLUMNS = (
    Column("number", "Draw", "number", "place in the sequence of draws, from 0"),
    Column("val_acc", "Validation", "percent"),
    Column("low", "95 % low", "percent", "Wilson"),
    Column("high", "95 % high", "percent", "Wilson"),
    Column("families", "Families", "joined"),
    Column("members", "Members", "joined"),
    Column("settings", "Settings", "text"),
    Column("command", "Export", "text"),
    Column("key", "Key", "key"),
)


def best(
    ledger: Snapshot, campaign: str, board: pd.DataFrame, *, bank: bool = False
) -> dict[str, Any]:
    """`table`: the best candidates with their 95 % intervals and commands; `images`: number of
    validation images, None if not recorded; `ties`: number of other candidates within the first
    one's interval; `total`: number of candidates; `where`: command-line options that select the
    campaign; `sure`: sentences about the uncertainty."""
    rows = board.head(SHOWN)
    images = _images(ledger, campaign)
    right = (rows["val_acc"] * images).round().astype("int64") if images else rows["val_acc"] * 0
    where = _where(ledger, campaign)
    low, high = wilson(right, pd.Series(images, index=rows.index))
    gates = [name for name in rows.columns if name.startswith("gate_")]
    rows = rows.assign(
        settings=[
            ", ".join(
                f"{name.removeprefix('gate_').replace('_', ' ')} {row[name]}" for name in gates
            )
            for row in rows.to_dict("records")
        ],
        low=low,
        high=high,
        command=[f"nas export {n} -o candidate-{n} {where}" for n in rows["number"]],
    )
    ties = int((board["val_acc"] >= low.iloc[0]).sum()) - 1 if images and len(rows) else 0
    return {
        "table": table(rows, _COLUMNS, "leaderboard"),
        "images": images or None,
        "ties": ties,
        "total": len(board),
        "where": where,
        "sure": _sure(rows, images, ties, "expert" if bank else "candidate"),
    }


def _where(ledger: Snapshot, campaign: str) -> str:
    """The command-line options that select a campaign of this ledger, quoted for a shell."""
    return ledger.command("export", "-c", campaign).removeprefix("nas export ")


def _images(ledger: Snapshot, campaign: str) -> int:
    """Number of validation images; 0 if no attempt has recorded it."""
    known = finals(ledger.data(campaign))["val_images"].dropna()
    return int(known.max()) if len(known) else 0


def _sure(rows: pd.DataFrame, images: int, ties: int, noun: str) -> list[str]:
    if rows.empty:
        return []
    first = rows.iloc[0]
    if not images:
        return ["The number of validation images is not recorded, so there is no interval."]
    half = 50 * (first["high"] - first["low"])
    sentences = [
        f"Accuracy is measured on {images:,} validation images: the best {noun}’s"
        f" {100 * first['val_acc']:.2f} % may be {100 * first['low']:.1f} to"
        f" {100 * first['high']:.1f} % in truth (95 % interval, about ± {half:.1f} points)."
    ]
    if ties:
        others = f"{ties:,} other {noun}{'s lie' if ties > 1 else ' lies'}"
        sentences.append(f"{others} within that interval: validation does not separate them.")
    if ties and noun == "candidate":
        sentences.append(
            "The best of many is partly lucky: `nas confirm` trains the leaders again with new"
            " seeds."
        )
    if pd.notna(first["confirm_val_acc"]):
        sentences.append(
            f"Retrained with new seeds, it reaches {100 * first['confirm_val_acc']:.2f} % on"
            " average."
        )
    return sentences
