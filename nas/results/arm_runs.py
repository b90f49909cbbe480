"""The runs of a campaign that compares arms: candidates of the search and their replicates."""

from collections.abc import Iterator

import pandas as pd

from nas.ledger.columns import EPOCHS, METRICS, frame
from nas.results.aggregates import finals, learned, seconds_of
from nas.results.campaign_tables import CampaignTables
from nas.schema import Space

ROLES = ("search", "replicate")
CLEAN = {"clean_loss": "clean_loss", "clean_acc": "clean_train_acc"}
"""Metrics of the scored training images, and the columns of runs that have them."""


def arm_runs(data: CampaignTables) -> pd.DataFrame:
    """The runs that were trained to the end and learned something, one row a candidate, with the
    columns of `attempts`, though `seconds` are those of all attempts; none for a space without
    arms.

    Also `train_loss`: the whole objective in the last epoch, as optimised; `clean_loss` and
    `clean_train_acc`: of the training images, unaugmented, missing where they were not scored
    (`recipe: {score_training: true}`); `loss_gap`: val_loss − clean_loss; `cell`: as in
    `cells_of`. Runs that were selected for confirmation are not among them.
    """
    runs = pd.concat([learned(data, role) for role in ROLES])
    if not data.space.arms:
        runs = runs.iloc[:0]
    last = epochs_of(data, runs).groupby("candidate")["train_loss"].last()
    runs = runs.assign(train_loss=runs["candidate"].map(last))
    clean = final_metrics(data, runs)
    clean = clean[(clean["split"] == "train") & (clean["layer"] == "")].set_index("candidate")
    for metric, column in CLEAN.items():
        values = clean.loc[clean["metric"] == metric, "value"]
        runs[column] = runs["candidate"].map(values).astype("float64")
    runs["cell"] = cells_of(runs)
    spent = pd.concat([seconds_of(data, role) for role in ROLES])
    runs["seconds"] = runs["candidate"].map(spent).astype("float64")
    return runs.assign(loss_gap=runs["val_loss"] - runs["clean_loss"])


def choices_of(rows: pd.DataFrame) -> "pd.Series[str]":
    """The values of the space's choices in each row of `candidates` or `attempts`, as one text."""
    chosen = rows[[name for name in rows.columns if name.startswith("gate_")]]
    texts = [repr(values) for values in chosen.itertuples(index=False, name=None)]
    return pd.Series(texts, index=rows.index, dtype="str")


def cells_of(rows: pd.DataFrame) -> "pd.Series[str]":
    """The variant and the values of the space's choices in each row, as one text: what is equal in
    a run and its replicates."""
    return rows["members"].astype("str") + choices_of(rows)


def ended_runs(data: CampaignTables) -> pd.DataFrame:
    """All runs that came to an end, failed and collapsed ones too."""
    return pd.concat([finals(data, role) for role in ROLES])


def epochs_of(data: CampaignTables, runs: pd.DataFrame) -> pd.DataFrame:
    """The epochs of each run in order, from all attempts of its candidate: a resumed attempt has
    only those that were left. An epoch that was trained again counts as it was trained last."""
    if runs.empty:
        return frame((), EPOCHS)
    rows = data.epochs
    rows = rows[rows["candidate"].isin(runs["candidate"])].sort_values(["epoch", "attempt"])
    return rows.drop_duplicates(["candidate", "epoch"], keep="last")


def final_metrics(data: CampaignTables, runs: pd.DataFrame) -> pd.DataFrame:
    """The metrics of each run's last epoch, whichever attempt trained it: rows of
    `data.metrics`."""
    if runs.empty:
        return frame((), METRICS)
    rows = data.last_metrics
    rows = rows[rows["candidate"].isin(runs["candidate"])]
    for name in ("epoch", "attempt"):
        rows = rows[rows[name] == rows.groupby("candidate")[name].transform("max")]
    return rows


def routing(data: CampaignTables, runs: pd.DataFrame, split: str = "val") -> pd.DataFrame:
    """One row per run and layer that routes, in the last epoch: `candidate`, `layer`, and a column
    for each metric that any has."""
    rows = final_metrics(data, runs)
    rows = rows[(rows["split"] == split) & (rows["layer"] != "") & rows["expert"].isna()]
    wide = rows.pivot_table(index=["candidate", "layer"], columns="metric", values="value")
    return wide.rename_axis(columns=None).reset_index()


def with_routing(data: CampaignTables, runs: pd.DataFrame, *metrics: str) -> pd.DataFrame:
    """The runs with metrics of routing on validation, means over layers; missing where none is."""
    layers = routing(data, runs).drop(columns="layer").groupby("candidate").mean()
    layers = layers.reindex(columns=list(metrics)).astype("float64")
    return runs.join(layers, on="candidate")


def arm_rows(space: Space) -> Iterator[tuple[str, str]]:
    """The rows of a table of arms: (arm, "") for all of an arm, and one for each variant where
    there are several."""
    for arm, variants in space.arms.items():
        yield arm, ""
        if len(variants) > 1:
            yield from ((arm, variant.label) for variant in variants)


def of_arm(rows: pd.DataFrame, arm: str, variant: str = "") -> pd.DataFrame:
    """The runs of an arm, or of one of its variants."""
    mine = rows[rows["families"] == arm]
    return mine[mine["members"] == variant] if variant else mine
