"""Tables with a row for each arm and variant: an analysis names its figures."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from nas.results.aggregates import mean_interval
from nas.results.arm_runs import arm_rows, ended_runs, of_arm
from nas.results.campaign_tables import CampaignTables

if TYPE_CHECKING:
    import pandas as pd

SURVIVORS = "of the survivors of early stopping alone: results chose these runs"


@dataclass(frozen=True)
class Figure:
    """A column of such a table."""

    of: "Callable[[pd.DataFrame], Any]"
    """Its value for a row's runs."""
    kind: str = "float64"
    """Its dtype."""


def mean(column: str) -> Figure:
    """The mean of the means of cells: runs of one variant and the same choices. So each counts
    equally, however many runs of it are done."""
    return Figure(lambda runs: runs[column].groupby(runs["cell"]).mean().mean())


def sd(column: str) -> Figure:
    """The standard deviation of runs of one cell, which differ in their seeds alone; of several
    cells √(Σ (n − 1) s² / Σ (n − 1))."""

    def within(runs: "pd.DataFrame") -> float:
        cells = runs[column].dropna().groupby(runs["cell"])
        freedom = (cells.count() - 1).sum()
        squares = (cells.var() * (cells.count() - 1)).sum()
        return float((squares / freedom) ** 0.5) if freedom else float("nan")

    return Figure(within)


def interval(column: str) -> dict[str, Figure]:
    """The ends of the 95 % t interval of the mean over runs, as `COLUMN_low` and `COLUMN_high`;
    missing for fewer than three runs."""
    return {
        f"{column}_low": Figure(lambda runs: mean_interval(runs[column])[1]),
        f"{column}_high": Figure(lambda runs: mean_interval(runs[column])[2]),
    }


def shared(column: str) -> Figure:
    """The whole number that all runs share; missing if they have several, or none."""

    def only(runs: "pd.DataFrame") -> Any:
        known = runs[column].dropna().unique()
        return known[0] if len(known) == 1 else None

    return Figure(only, "Int64")


def arm_table(
    data: CampaignTables,
    runs: "pd.DataFrame",
    figures: Mapping[str, Figure],
    by: Mapping[str, str] | None = None,
    note: str = "",
) -> "pd.DataFrame":
    """Columns `arm`, `variant`, those of `by` (name: dtype), `runs` (their number) and the figures,
    in the order of the space; for an arm with several variants also a row for each variant. With
    `by`, a row for each combination of its values that there is, in the order of `runs`. Noted as
    in `noted`."""
    import pandas as pd

    by = by or {}
    rows = []
    for arm, variant in arm_rows(data.space):
        mine = of_arm(runs, arm, variant)
        groups = mine.groupby(list(by), sort=False) if by else [((), mine)]
        for values, some in groups:
            row = {"arm": arm, "variant": variant, **dict(zip(by, values, strict=True))}
            row["runs"] = len(some)
            rows.append(row | {name: figure.of(some) for name, figure in figures.items()})
    kinds = {"arm": "str", "variant": "str", **by, "runs": "int64"}
    kinds |= {name: figure.kind for name, figure in figures.items()}
    return noted(data, pd.DataFrame(rows, columns=list(kinds)).astype(kinds), note)


def noted(data: CampaignTables, frame: "pd.DataFrame", *notes: str) -> "pd.DataFrame":
    """The table with notes: one says which runs are left out because they collapsed. If early
    stopping chose its runs, another says so, and intervals and needed runs, which do not know that,
    are missing."""
    from nas.results.observed import first_rung

    found = [note for note in (*notes, _collapsed(data)) if note]
    if len(frame) and first_rung(data) is not None:
        ends = ("_low", "_high", "_needed")
        bounds = [name for name in frame.columns if name.endswith(ends)]
        intervals = any(frame[name].notna().any() for name in bounds)
        for name in bounds:  # one by one, so that dtypes stay
            frame[name] = frame[name].mask(frame[name].notna())
        found.append(f"{SURVIVORS}, so without intervals" if intervals else SURVIVORS)
    if found:
        frame.attrs["note"] = "; ".join(found)
    return frame


def _collapsed(data: CampaignTables) -> str:
    """How many runs of which arms learned nothing; empty if all learned."""
    runs = ended_runs(data)
    lost = runs.loc[runs["collapsed"], "families"].value_counts()
    each = [f"{lost[arm]} of {arm}" for arm in data.space.arms if arm in lost]
    return f"left out, because they learned nothing: {', '.join(each)}" if each else ""


def no_gap(runs: "pd.DataFrame") -> str:
    """Why runs have no loss gap; empty if some has one, or there are none."""
    if runs.empty or runs["loss_gap"].notna().any():
        return ""
    return "no loss gap: training images are scored with recipe: {score_training: true}"
