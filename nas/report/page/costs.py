"""Accuracy against cost: parameters, MACs and measured time per image, with the Pareto front."""

from typing import Any

import numpy as np
import pandas as pd

from nas.report.page.fronts import front, grid, named
from nas.report.page.serialize import Column, table
from nas.report.page.snapshot import Snapshot

_TITLES = {
    "params": "parameters",
    "macs": "MACs",
    "train_ms": "training",
    "step_ms": "pre-flight",
}
AXES = tuple(_TITLES)
_COLUMNS = (
    Column("number", "No.", "number"),
    Column("families", "Families", "joined"),
    Column("val_acc", "Val", "percent"),
    Column("params", "Parameters", "count"),
    Column("macs", "MACs", "count"),
    Column("train_ms", "ms an image, training", "float", "measured in its worker, median epoch"),
    Column("step_ms", "ms an image, pre-flight", "float", "measured: its members' steps added up"),
    Column("front", "On the front of", "text", "no candidate is both cheaper and better"),
    Column("key", "Key", "key"),
)


def costs(ledger: Snapshot, campaign: str, board: pd.DataFrame, limit: int) -> dict[str, Any]:
    """`table`: the best `limit` candidates and all on a Pareto front; `front`: by cost axis, the
    front's rows in the table, cheapest first; `rest`: by axis, counts of all candidates on a grid,
    None if the table has all; `total`: number of candidates."""
    rows = board.assign(
        train_ms=board["key"].map(_train_ms(ledger, campaign)),
        step_ms=board["members"].map(_step_ms(ledger, board)),
    )
    fronts = {axis: front(rows[axis], rows["val_acc"]) for axis in AXES}
    rows["front"] = named(fronts, _TITLES, rows)
    chosen = rows[(np.arange(len(rows)) < limit) | (rows["front"] != "")]
    place = {index: n for n, index in enumerate(chosen.index.tolist())}
    return {
        "table": table(chosen, _COLUMNS, "leaderboard"),
        "front": {axis: [place[index] for index in fronts[axis]] for axis in AXES},
        "rest": {axis: grid(rows[axis], rows["val_acc"]) for axis in AXES}
        if len(chosen) < len(rows)
        else None,
        "total": len(rows),
    }


def _train_ms(ledger: Snapshot, campaign: str) -> "pd.Series[float]":
    """By key, training time per image in ms: the median over the epochs."""
    epochs = ledger.epochs(campaign, ("candidate", "images_per_second"))
    speed = epochs["images_per_second"].where(epochs["images_per_second"] > 0)
    median = speed.groupby(epochs["candidate"]).median()
    keys = ledger.candidates(campaign).set_index("key")["candidate"]
    return 1000 / keys.map(median)


def _step_ms(ledger: Snapshot, board: pd.DataFrame) -> dict[str, float]:
    """By members (joined by +), the sum of their profiled training times per image in ms.

    NaN if one of the members has no successful profile. The latest profile of each member is used.
    """
    profiles = ledger.probes()
    profiles = profiles[profiles["ok"] & (profiles["seconds"] > 0) & (profiles["batch"] > 0)]
    latest = profiles.sort_values("probed_at").drop_duplicates("model", keep="last")
    ms = dict(zip(latest["model"], 1000 * latest["seconds"] / latest["batch"], strict=True))
    return {
        members: sum(ms.get(model, float("nan")) for model in members.split("+"))
        for members in board["members"].unique()
    }
