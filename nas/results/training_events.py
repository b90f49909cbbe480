"""What happened while the networks of arms trained: growths, ends of phases, plugged experts."""

from collections.abc import Sequence
from math import log
from typing import TYPE_CHECKING

from nas.results.arm_runs import epochs_of
from nas.results.campaign_tables import CampaignTables

if TYPE_CHECKING:
    import pandas as pd

IDLE = 0.02
"""The share of the work below which an expert is idle."""


def details(events: "pd.DataFrame", names: Sequence[str]) -> "pd.DataFrame":
    """Columns of what events recorded in `data`, missing where one did not."""
    import pandas as pd

    return pd.DataFrame(
        [[data.get(name) for name in names] for data in events["data"]],
        index=events.index,
        columns=list(names),
    )


def training_events_of(
    data: CampaignTables, runs: "pd.DataFrame", kind: str | None = None
) -> "pd.DataFrame":
    """The events in the trainings of runs, in order, of one kind if it is given: rows of
    `data.training_events`. Those of an epoch that was trained again are as it was trained last."""
    rows = data.training_events
    if kind is not None:
        rows = rows[rows["kind"] == kind]
    if rows.empty:  # without reading the epochs
        return rows
    kept = epochs_of(data, runs)[["candidate", "epoch", "attempt"]]
    return rows.merge(kept, on=["candidate", "epoch", "attempt"]).sort_values(
        ["candidate", "epoch"], kind="stable", ignore_index=True
    )


def with_growth(data: CampaignTables, runs: "pd.DataFrame") -> "pd.DataFrame":
    """The runs with

    - `growths`: how often each grew; `first_growth`: the epoch of the first, missing where there is
      none, as `before_acc`: the validation accuracy of that epoch, and `gain`: what the last
      epoch's is above it;
    - `experts`, `idle` and `least_share` at the end: how many there are, how many have less than
      IDLE of the work, and the smallest share;
    - `first_entropy` and `last_entropy`: marginal entropy over ln E on validation, in the first
      epoch and in the last; missing with one expert.
    """
    events = training_events_of(data, runs, "growth").groupby("candidate")["epoch"]
    runs = runs.assign(growths=runs["candidate"].map(events.count()).fillna(0).astype("int64"))
    runs["first_growth"] = runs["candidate"].map(events.min()).astype("float64")
    epochs = epochs_of(data, runs)
    before = runs[["candidate", "first_growth"]].merge(
        epochs[["candidate", "epoch", "val_acc"]],
        left_on=["candidate", "first_growth"],
        right_on=["candidate", "epoch"],
    )
    runs["before_acc"] = runs["candidate"].map(before.set_index("candidate")["val_acc"])
    runs["gain"] = runs["val_acc"] - runs["before_acc"]
    return runs.join(_use(data, epochs), on="candidate")


def _use(data: CampaignTables, epochs: "pd.DataFrame") -> "pd.DataFrame":
    """By candidate: `experts`, `idle`, `least_share`, `first_entropy`, `last_entropy`."""
    import pandas as pd

    rows = _metrics(data, epochs, "expert_shares", "marginal_entropy")
    by = ["candidate", "epoch"]
    shares = rows[rows["metric"] == "expert_shares"].groupby(by)["value"]
    entropy = rows[rows["metric"] == "marginal_entropy"].groupby(by)["value"].mean()
    each = pd.DataFrame(
        {
            "experts": shares.count(),
            "idle": shares.agg(lambda found: float((found < IDLE).sum())),
            "least_share": shares.min(),
        }
    )
    most = each["experts"].map(lambda count: log(count) if count > 1 else float("nan"))
    each["entropy"] = entropy.reindex(each.index) / most
    ends = each.reset_index().sort_values("epoch", kind="stable").groupby("candidate")
    last = ends.last()[["experts", "idle", "least_share"]].astype("float64")
    for name, at in (("first", 0), ("last", -1)):  # not agg: it would pass over missing ones
        row = ends.nth(at).set_index("candidate")
        last[f"{name}_entropy"] = row["entropy"].astype("float64")
    return last


def _metrics(data: CampaignTables, epochs: "pd.DataFrame", *names: str) -> "pd.DataFrame":
    """The named metrics of layers that route, on validation, in epochs as they were trained last:
    rows of `data.metrics`."""
    rows = data.ledger.metrics(data.campaign, names=names)
    rows = rows[(rows["split"] == "val") & (rows["layer"] != "")]
    return rows.merge(epochs[["candidate", "epoch", "attempt"]])


def experts_by_epoch(data: CampaignTables, runs: "pd.DataFrame") -> "pd.DataFrame":
    """One row per run and epoch, in order: `candidate`, `epoch`, `experts`: how many it was trained
    with, missing where that was not measured, `val_acc`, and `grew`: whether it grew after it."""
    epochs = epochs_of(data, runs)
    rows = epochs.sort_values(["candidate", "epoch"])[["candidate", "epoch", "val_acc"]]
    shares = _metrics(data, epochs, "expert_shares").groupby(["candidate", "epoch", "layer"])
    counts = shares.size().groupby(["candidate", "epoch"]).max().rename("experts")
    rows = rows.join(counts.astype("Int64"), on=["candidate", "epoch"])
    events = training_events_of(data, runs, "growth")[["candidate", "epoch"]].drop_duplicates()
    rows = rows.merge(events.assign(grew=True), on=["candidate", "epoch"], how="left")
    return rows.assign(grew=rows["grew"].notna()).reset_index(drop=True)
