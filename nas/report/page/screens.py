"""A screen's predictions compared with results after training, and its scores of the space."""

from typing import Any

from nas.report.page.fronts import front, grid, named
from nas.report.page.serialize import Column, table
from nas.report.page.snapshot import Snapshot
from nas.results.screen_validation import arms, summarize_screening

SCORES = ("probe", "uniform", "gate", "oracle", "best_member")
"""Scores that the figure can show against the accuracy after training."""
_COLUMNS = (
    Column("number", "No.", "number"),
    Column("families", "Families", "joined"),
    Column("arm", "Arm", "text", "chosen by the screen, or drawn as a control"),
    Column("val_acc", "Val", "percent", "after training"),
    Column("probe", "Probe", "percent", "a fitted linear probe"),
    Column("uniform", "Average", "percent", "of the bank's experts"),
    Column("gate", "Gate", "percent", "a fitted gate"),
    Column("oracle", "Oracle", "percent", "share of images that any expert gets right"),
    Column("best_member", "Best member", "percent"),
    Column("key", "Key", "key"),
)
_RANKS = (
    Column("predictor", "Predictor", "text"),
    Column("sample", "Sample", "text", "controls alone, or chosen candidates too"),
    Column("kendall", "Kendall’s τ", "float"),
    Column("kendall_low", "95 % from", "float"),
    Column("kendall_high", "to", "float"),
    Column("spearman", "Spearman’s ρ", "float"),
    Column("spearman_low", "95 % from", "float"),
    Column("spearman_high", "to", "float"),
    Column("n", "Candidates", "int"),
)
_TITLES = {"params": "parameters", "latency_ms": "latency"}
_SPACE = (
    Column("rank", "Rank", "int", "by the average"),
    Column("families", "Families", "joined"),
    Column("members", "Members", "joined"),
    Column("uniform", "Average", "percent", "of the bank's experts"),
    Column("oracle", "Oracle", "percent", "share of images that any expert gets right"),
    Column("params", "Parameters", "count"),
    Column("latency_ms", "ms an image", "float", "its experts one after another, batch 1"),
    Column("front", "On the front of", "text", "no mixture is both cheaper and better"),
)


def screening(ledger: Snapshot, campaign: str, limit: int) -> dict[str, Any] | None:
    """`table`: the best `limit` candidates of those trained to their end, in the order of draws;
    `ranks`: the table of the analysis `screening`; `note`: regret and cost.

    None for a campaign that does not draw from a screen.
    """
    data = ledger.data(campaign)
    if data.config.screen is None:
        return None
    trained = arms(data)
    drawn = data.candidates.set_index("candidate")[["number", "key"]]
    rows = trained.join(drawn, on="candidate").nlargest(limit, "val_acc").sort_values("number")
    return {
        "table": table(rows, _COLUMNS, "screening"),
        "ranks": table(ledger.table("screening", campaign), _RANKS, "screening"),
        "note": summarize_screening(data, trained),
    }


def screened(ledger: Snapshot, campaign: str) -> dict[str, Any] | None:
    """`table`: the mixtures on a Pareto front of uniform average and cost, best first; `front`: by
    cost axis, the front's rows in the table, cheapest first; `rest`: by axis, counts of all
    mixtures on a grid; `total`: number of mixtures.

    None for a campaign that does not draw from a screen.
    """
    data = ledger.data(campaign)
    if data.config.screen is None:
        return None
    rows = data.screened.assign(latency_ms=lambda every: 1000 * every["latency"])
    fronts = {axis: front(rows[axis], rows["uniform"]) for axis in _TITLES}
    rows["front"] = named(fronts, _TITLES, rows)
    best = rows[rows["front"] != ""]
    place = {index: n for n, index in enumerate(best.index.tolist())}
    return {
        "table": table(best, _SPACE, "screened"),
        "front": {axis: [place[index] for index in fronts[axis]] for axis in _TITLES},
        "rest": {axis: grid(rows[axis], rows["uniform"]) for axis in _TITLES},
        "total": len(rows),
    }
