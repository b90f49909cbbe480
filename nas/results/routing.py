"""How the variants of arms route: means over the runs of a variant, by epoch and by expert."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from nas.results.arm_runs import final_metrics, routing
from nas.results.campaign_tables import CampaignTables

if TYPE_CHECKING:
    import pandas as pd

ALL_LAYERS = ""
"""The layer of a mean over all layers."""


def routing_epochs(
    data: CampaignTables, runs: "pd.DataFrame", metrics: Sequence[str], by: str = "members"
) -> "pd.DataFrame":
    """One row per value of `by` (a variant, or with `families` an arm), `split` and `epoch`: the
    named metrics of routing, means over layers and runs.

    An epoch that was trained again counts as it was trained last.
    """
    import pandas as pd

    rows = data.ledger.metrics(data.campaign, names=metrics)  # they are many
    rows = rows[rows["candidate"].isin(runs["candidate"])]
    last = rows.groupby(["candidate", "epoch"])["attempt"].transform("max")
    rows = rows[(rows["attempt"] == last) & (rows["layer"] != "")]
    wide: pd.DataFrame = rows.pivot_table(
        index=["candidate", "split", "epoch"], columns="metric", values="value"
    )
    wide = wide.reindex(columns=list(metrics)).astype("float64").rename_axis(columns=None)
    return _means(wide.reset_index(), runs, by, ["split", "epoch"], metrics)


def expert_use(data: CampaignTables, runs: "pd.DataFrame") -> "pd.DataFrame":
    """One row per variant, layer that routes and expert, of the last epoch on validation: `members`
    (the variant), `layer` (ALL_LAYERS for the mean over them), `rank` (0: the busiest expert),
    `share` of the kept tokens, and `dead`: the mean number of experts without work.

    The experts of two runs or layers have nothing in common but their rank, so shares of one rank
    are averaged.
    """
    import pandas as pd

    rows = final_metrics(data, runs)
    rows = rows[(rows["metric"] == "expert_shares") & (rows["split"] == "val")]
    rows = rows.sort_values("value", ascending=False, kind="stable")
    rank = rows.groupby(["candidate", "layer"]).cumcount()
    shares = rows.assign(rank=rank).set_index(["candidate", "layer", "rank"])["value"]
    # An expert that only some of the layers or runs have has no share in the others.
    wide = shares.unstack("rank").fillna(0.0).rename_axis(columns=None)
    dead = routing(data, runs).reindex(columns=["candidate", "layer", "dead"])
    wide = wide.join(dead.set_index(["candidate", "layer"])).reset_index()
    names = [name for name in wide.columns if name not in ("candidate", "layer")]
    every = wide.groupby("candidate")[names].mean().reset_index().assign(layer=ALL_LAYERS)
    means = _means(pd.concat([every, wide]), runs, "members", ["layer"], names)
    found = means.melt(["members", "layer", "dead"], var_name="rank", value_name="share")
    counts = _experts(shares, runs)
    found = found.join(counts, on="members")
    found = found[found["rank"] < found.pop("experts")].astype({"rank": "int64"})
    return found.sort_values(["members", "layer", "rank"], ignore_index=True)


def _experts(shares: "pd.Series[float]", runs: "pd.DataFrame") -> "pd.Series[int]":
    """By variant, the largest number of experts of a layer, as `experts`."""
    counts = shares.groupby(["candidate", "layer"]).size().groupby("candidate").max()
    of = counts.groupby(runs.set_index("candidate")["members"].reindex(counts.index)).max()
    return of.rename("experts")


def _means(
    rows: "pd.DataFrame", runs: "pd.DataFrame", by: str, keys: list[str], names: Sequence[object]
) -> "pd.DataFrame":
    """Means over runs, those of a cell first, as in `arm_table.mean`: one row per `by` and keys."""
    rows = rows.merge(runs[["candidate", "cell", by]], on="candidate")
    cells = rows.groupby([by, *keys, "cell"])[list(names)].mean()
    return cells.groupby([by, *keys]).mean().reset_index()
