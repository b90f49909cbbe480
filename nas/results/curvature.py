"""How sharply the losses of runs curve, as `nas diagnose --only curvature` found it."""

from typing import TYPE_CHECKING

from nas.results.campaign_tables import CampaignTables

if TYPE_CHECKING:
    import pandas as pd

SPLITS = ("train", "test")
FIGURES = {"eigenvalue_1": "eigenvalue", "trace": "trace", "converged": "converged"}
"""Figures of the instrument, and the columns that have them."""


def curvatures(data: CampaignTables, runs: "pd.DataFrame") -> "pd.DataFrame":
    """One row per run that was examined and split: the run's columns, `split`, `eigenvalue` (the
    largest of the loss's Hessian), `trace` and `converged`. Of the latest finding."""
    rows = data.diagnostics
    rows = rows[(rows["instrument"] == "curvature") & rows["metric"].notna()]
    rows = rows[rows["attempt"].isin(runs["attempt"])]
    rows = rows[rows["made_at"] == rows.groupby("attempt")["made_at"].transform("max")]
    named = rows["metric"].str.extract(r"^(?P<split>\w+)\.(?P<figure>\w+)$")
    found = rows.assign(**named)
    wide = found.pivot_table(index=["attempt", "split"], columns="figure", values="value")
    wide = wide.reindex(columns=list(FIGURES)).astype("float64").rename(columns=FIGURES)
    return runs.merge(wide.rename_axis(columns=None).reset_index(), on="attempt")
