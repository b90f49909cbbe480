"""Accuracy over the epochs: curves of the best candidates, and quantiles over all."""

from typing import Any

import pandas as pd

from nas.report.page.serialize import Column, table, values
from nas.report.page.snapshot import Snapshot

BEST = 20
"""Number of candidates with a curve of their own."""
METRICS = ("val_acc", "train_acc", "val_loss", "train_loss")
_SPREAD = (
    Column("epoch", "Epoch", "int"),
    Column("n", "Candidates", "int", "that reached this epoch"),
    Column("low", "10 %", "percent", "a tenth is below"),
    Column("median", "Median", "percent"),
    Column("high", "90 %", "percent", "a tenth is above"),
)


def curves(ledger: Snapshot, campaign: str, board: pd.DataFrame) -> dict[str, Any]:
    """`lines`: for each of the best candidates, its METRICS by epoch; `spread`: a table of the
    quantiles of validation accuracy over all candidates of the search."""
    candidates = ledger.candidates(campaign)
    candidates = candidates[candidates["role"] == "search"]
    epochs = epochs_of(ledger, campaign)
    row_of = dict(zip(candidates["key"], candidates["candidate"], strict=True))
    return {
        "spread": table(_spread(epochs), _SPREAD, "curves"),
        "lines": [
            _line(epochs[epochs["candidate"] == row_of[leader.key]], leader)
            for leader in board.head(BEST).itertuples()
        ],
    }


def epochs_of(ledger: Snapshot, campaign: str) -> pd.DataFrame:
    """`candidate`, `epoch` and METRICS of the search's candidates. An epoch that a retry repeated
    counts once, with its last values."""
    candidates = ledger.candidates(campaign)
    candidates = candidates[candidates["role"] == "search"]
    epochs = ledger.epochs(campaign, ("candidate", "epoch", *METRICS))
    epochs = epochs[epochs["candidate"].isin(candidates["candidate"])]
    return epochs.drop_duplicates(["candidate", "epoch"], keep="last")


def _spread(epochs: pd.DataFrame) -> pd.DataFrame:
    by_epoch = epochs.groupby("epoch")["val_acc"]
    quantiles = {"low": 0.1, "median": 0.5, "high": 0.9}
    found = pd.DataFrame({name: by_epoch.quantile(q) for name, q in quantiles.items()})
    return found.assign(n=by_epoch.size()).reset_index()


def _line(mine: pd.DataFrame, leader: Any) -> dict[str, Any]:
    mine = mine.sort_values("epoch")
    return {
        "number": int(leader.number),
        "families": leader.families,
        "epoch": values(mine["epoch"]),
        **{name: values(mine[name], "float") for name in METRICS},
    }
