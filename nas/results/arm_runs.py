"""The runs of a campaign that compares arms: candidates of the search and their replicates."""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from nas.results.aggregates import finals, learned
from nas.results.campaign_tables import CampaignTables
from nas.schema import Space
from nas.schema.axes import RECIPE

ROLES = ("search", "replicate")
CLEAN = {"clean_loss": "clean_loss", "clean_acc": "clean_train_acc"}
"""Metrics of the scored training images, and the columns of runs that have them."""


def arm_runs(data: CampaignTables) -> pd.DataFrame:
    """The runs that were trained to the end and learned something, with the columns of `attempts`.

    Also `train_loss`: the whole objective in the last epoch, as optimised; `clean_loss` and
    `clean_train_acc`: of the training images, unaugmented, missing where they were not scored
    (`recipe: {score_training: true}`); `loss_gap`: val_loss − clean_loss. Runs that were selected
    for confirmation are not among them.
    """
    runs = pd.concat([learned(data, role) for role in ROLES])
    last = data.epochs.sort_values("epoch").groupby("attempt")["train_loss"].last()
    runs = runs.assign(train_loss=runs["attempt"].map(last))
    clean = final_metrics(data, runs)
    clean = clean[(clean["split"] == "train") & (clean["layer"] == "")].set_index("attempt")
    for metric, column in CLEAN.items():
        values = clean.loc[clean["metric"] == metric, "value"]
        runs[column] = runs["attempt"].map(values).astype("float64")
    return runs.assign(loss_gap=runs["val_loss"] - runs["clean_loss"])


def ended_runs(data: CampaignTables) -> pd.DataFrame:
    """All runs that came to an end, failed and collapsed ones too."""
    return pd.concat([finals(data, role) for role in ROLES])


def final_metrics(data: CampaignTables, runs: pd.DataFrame) -> pd.DataFrame:
    """The metrics of each run's last epoch: rows of `data.metrics`."""
    rows = data.metrics
    rows = rows[rows["attempt"].isin(runs["attempt"])]
    return rows[rows["epoch"] == rows.groupby("attempt")["epoch"].transform("max")]


def routing(data: CampaignTables, runs: pd.DataFrame, split: str = "val") -> pd.DataFrame:
    """One row per run and layer that routes, in the last epoch: `attempt`, `layer`, and a column
    for each metric that any has."""
    rows = final_metrics(data, runs)
    rows = rows[(rows["split"] == split) & (rows["layer"] != "") & rows["expert"].isna()]
    wide = rows.pivot_table(index=["attempt", "layer"], columns="metric", values="value")
    return wide.rename_axis(columns=None).reset_index()


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


def settings_of(space: Space, arm: str) -> dict[str, dict[str, Any]]:
    """What each variant of an arm sets, the recipe's fields as `recipe.NAME`, by its label."""
    return {
        variant.label: variant.settings | {f"{RECIPE}{n}": v for n, v in variant.recipe.items()}
        for variant in space.arms[arm]
    }


def only_value(values: "pd.Series[Any]") -> Any:
    """The value that all rows share; None if they have several, or none."""
    known = values.dropna().unique()
    return known[0] if len(known) == 1 else None


def about_survivors(data: CampaignTables) -> str:
    """A note if early stopping chose the runs, whose intervals would be wrong; else empty."""
    from nas.results.observed import first_rung

    if first_rung(data) is None:
        return ""
    return "of the survivors of early stopping alone, so without intervals"
