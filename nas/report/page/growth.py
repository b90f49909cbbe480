"""How networks grew: when experts were added, and whether they are used."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from nas.report.page.routing import PANELS, each_variant, ends, names_of
from nas.report.page.serialize import Column, need_columns, table, values
from nas.report.page.snapshot import Snapshot
from nas.report.page.together import listed
from nas.results.arm_runs import arm_runs
from nas.results.training_events import IDLE, experts_by_epoch, training_events_of
from nas.schema import printed_name

LINES = 12
"""Number of runs of a variant that have a line in the figure: the first ones."""
_ENTROPY = "P the router’s mean probabilities on validation, of the first or the last epoch"
_TABLE = (
    Column("arm", "Arm", "text"),
    Column("variant", "Variant", "text", "empty: all variants of the arm together"),
    Column("runs", "Runs", "int", "candidates and replicates that learned"),
    Column("growths", "Growths", "float", "mean number a run"),
    Column("grew_once", "Grew once", "int", "runs that grew exactly once"),
    Column("first_growth", "First growth", "float", "mean epoch, of the runs that grew"),
    Column("experts", "Experts", "float", "mean number at the end"),
    Column("idle", "Idle", "float", "experts with less than 2 % of the work"),
    Column("least_share", "Least share", "percent", "of the work, on validation"),
    Column("first_entropy", "H(P) / ln E, start", "float", _ENTROPY),
    Column("last_entropy", "H(P) / ln E, end", "float", _ENTROPY),
    Column("before_acc", "Before", "percent", "validation, before the first growth"),
    Column("mean_val_acc", "Val", "percent", "after the last epoch, of all runs"),
    Column("sd_val_acc", "SD", "spread", "over seeds, within variants"),
    Column("gain", "Gain", "points", "mean difference from before, of the runs that grew"),
    Column("gain_low", "95 % low", "points", "t interval over runs"),
    Column("gain_high", "95 % high", "points"),
)
_EVENTS = (
    Column("variant", "Variant", "text"),
    Column("role", "Role", "text"),
    Column("number", "No.", "number", "in its role"),
    Column("epoch", "Epoch", "int", "after which it grew"),
    Column("val_acc", "Validation", "percent", "of that epoch"),
    Column("expert", "Expert", "int", "from 0: was split, or has the new one beside it"),
    Column("experts", "Experts after", "int"),
    Column("reason", "Reason", "text"),
)


def growth(ledger: Snapshot, campaign: str) -> dict[str, Any] | None:
    """`answer`: a sentence; `note`: which runs are left out; `names`: by variant, its name in
    figures; `table`: growths by arm and variant, None if no arm has the procedure growth;
    `events`: a table of growths, one by one; `lines`: for each run, `name` (its variant), `run`,
    and by `epoch` its `experts`, `val_acc` and whether it `grew` after it; `left_out`:
    number of runs without a line.

    None for a space without arms, and where no network can grow and none grew.
    """
    space = ledger.campaign(campaign).space
    growing = {
        v.label
        for arm in space.arms.values()
        for v in arm
        if space.recipe_of(v).procedure == "growth"
    }
    if not space.arms:
        return None
    data = ledger.data(campaign)
    if not growing and not (data.training_events["kind"] == "growth").any():
        return None
    rows = ledger.table("growth", campaign)
    rows = need_columns(rows, [column.name for column in _TABLE], "growth")
    runs = arm_runs(data)
    grew = training_events_of(data, runs, "growth")["candidate"]
    runs = runs[runs["members"].isin(growing) | runs["candidate"].isin(grew)]
    labels = [label for label in names_of(space) if (runs["members"] == label).any()]
    runs = runs.sort_values("role", key=lambda role: role != "search", kind="stable")
    shown = runs[runs["members"].isin(labels[:PANELS])].groupby("members").head(LINES)
    order = {label: place for place, label in enumerate(labels)}
    shown = shown.sort_values("members", key=lambda label: label.map(order), kind="stable")
    return {
        "answer": about_growth(rows, names_of(space)),
        "note": rows.attrs.get("note", ""),
        "names": names_of(space),
        "table": table(rows, _TABLE, "growth") if len(rows) else None,
        "events": table(ledger.table("growth_events", campaign), _EVENTS, "growth_events"),
        "lines": _lines(shown, experts_by_epoch(data, shown)),
        "left_out": len(runs) - len(shown),
    }


def _lines(runs: pd.DataFrame, epochs: pd.DataFrame) -> list[dict[str, Any]]:
    by = dict(list(epochs.groupby("candidate")))
    return [
        {
            "name": run.members,
            "run": printed_name(run.role, int(run.number)),
            "epoch": values(mine["epoch"]),
            "experts": values(mine["experts"]),
            "val_acc": values(mine["val_acc"], "percent"),
            "grew": values(mine["grew"]),
        }
        for run in _each(runs)
        if (mine := by.get(run.candidate)) is not None
    ]


def about_growth(rows: pd.DataFrame, names: Mapping[str, str]) -> str:
    """Which variants grew most, once or never, and how evenly their experts are used. `rows`: of
    the analysis growth; `names`: of variants."""
    rows = each_variant(rows, names)
    rows = rows[rows["runs"] > 0]
    if rows.empty:
        return "No network that can grow is trained yet."
    most = rows[rows["growths"] == rows["growths"].max()]
    never = rows[rows["growths"] == 0]
    once = rows[rows["grew_once"] > 0]
    idle = rows[rows["idle"] > 0].sort_values("idle", ascending=False, kind="stable")
    sentences = []
    if len(never) < len(rows):
        each = [f"{r.name} (to {r.experts:.3g} experts)" for r in _each(most)]
        number = f"{most['growths'].iloc[0]:.3g}"
        sentences.append(f"Most growths, {number} a run on average: {listed(each)}.")
    if len(once):
        each = [f"{r.name} ({r.grew_once} of {r.runs} runs)" for r in _each(once)]
        sentences.append(f"Grew exactly once: {listed(each)}.")
    if len(never):
        sentences.append(f"Never grew: {listed(list(never['name']))}.")
    least, most_even = "At the end, the work is shared least evenly in", "most evenly in"
    sentences.append(ends(rows, "last_entropy", least, most_even, "H(P) / ln E"))
    if len(idle):
        each = [f"{r.name} ({r.idle:.3g} of {r.experts:.3g})" for r in _each(idle)]
        share = f"less than {100 * IDLE:.0f} % of the work"
        sentences.append(f"Experts with {share} at the end: {listed(each)}.")
    return " ".join(filter(None, sentences))


def _each(rows: pd.DataFrame) -> Iterator[Any]:
    return rows.itertuples(index=False)
