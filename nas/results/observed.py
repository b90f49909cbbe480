"""The data of family and pair statistics: one comparable accuracy per candidate."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from nas.results.aggregates import by_family
from nas.results.campaign_tables import CampaignTables
from nas.results.collapse import CollapseRates, MajorityClass
from nas.sample import bias_of
from nas.schema import Assignment, ExpertChoice
from nas.stats import Observations

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Observed:
    """The results of a campaign's search that may be compared with each other."""

    observations: Observations
    """Of runs that learned."""
    runs: int
    """All of them, those that collapsed too."""
    collapses: CollapseRates
    """Of all runs."""
    note: str
    """What they are about, in words."""


def observed(data: CampaignTables) -> Observed:
    """Final validation accuracy; with early stopping, that of all candidates at the first rung.

    Candidates are stopped by that accuracy, so means over survivors would be biased in favour of
    families with few of them. Runs that collapsed, there or at the end, are counted and left out.
    """
    commonest = MajorityClass.of(data.inputs)
    drawn = data.candidates[data.candidates["role"] == "search"]
    epoch = first_rung(data)
    if epoch is None:
        rows = drawn[drawn["outcome"] == "ok"]
        values = rows["val_acc"]
        lost = rows["candidate"].map(data.collapsed).eq(True).to_numpy()
        on = "final validation accuracy"
    else:
        at = data.accuracies[data.accuracies["epoch"] == epoch]
        latest = at.drop_duplicates("candidate", keep="last").set_index("candidate")["val_acc"]
        rows = drawn[drawn["candidate"].isin(latest.index)]
        values = rows["candidate"].map(latest)
        lost = commonest.collapsed(values.to_numpy(dtype=float))
        on = f"validation accuracy at epoch {epoch}, the first rung, where all can be compared"
    note = f"effects and synergies on {on}"
    if lost.any():
        note = (
            f"means, effects and synergies of runs that learned, on {on}; {lost.sum()} of"
            f" {len(lost)} collapsed: not clearly better than always answering the most frequent"
            f" class, {100 * commonest.share:.1f} % of the validation images"
        )
    if few := commonest.few(values.to_numpy(dtype=float)):
        note += f"; no figures for families: {few}"
    if commonest.note and len(rows):
        note += f"; {commonest.note}"
    refused = int((drawn["outcome"] == "invalid").sum())
    if refused:
        note += f"; they are about candidates that fit the device: {refused} did not"
    if adaptive := _adaptive(data):
        note += f"; intervals do not know that {adaptive}"
    every = _observations(data, rows, values)
    seen = every.only(~lost)
    if seen.adjusts and not seen.fit_for_errors.adjusts:
        note += "; results are too few to hold members and settings equal"
    return Observed(seen, len(lost), CollapseRates.of(every, lost, few), note)


def _observations(
    data: CampaignTables, rows: "pd.DataFrame", values: "pd.Series[float]"
) -> Observations:
    picks = by_family(rows.assign(row=range(len(rows))), "row")
    gates = [name for name in rows.columns if name.startswith("gate_")]
    return Observations.build(
        data.space.families,
        picks["row"].to_numpy(dtype="int64"),
        picks["family"].tolist(),
        picks["model"].tolist(),
        {name: rows[name].tolist() for name in gates},
        np.asarray(values, dtype=np.float64),
    )


def _adaptive(data: CampaignTables) -> str:
    """Why draws were not random, if results or the user influenced them; else empty."""
    if bias := bias_of(data.config.sampler):
        return bias
    kinds = data.events["kind"]
    if (kinds == "phase").sum() > 1:
        return "phases may follow from results"
    return "families were benched for failing" if (kinds == "benched").any() else ""


def first_rung(data: CampaignTables) -> int | None:
    """The epoch of the first decision that stopped a candidate; None where none was stopped."""
    stopped = data.attempts[data.attempts["outcome"] == "pruned"]
    return None if stopped.empty else int(stopped["epochs"].min())


def assignments_of(rows: "pd.DataFrame") -> list[Assignment]:
    """The point of the space that each row of `candidates` or `attempts` stands for."""
    gates = [name for name in rows.columns if name.startswith("gate_")]
    settings = rows[gates].to_numpy(dtype=object)
    names = [name.removeprefix("gate_") for name in gates]
    pick = cache(ExpertChoice)  # there are few of them in many candidates
    return [
        Assignment(
            picks=tuple(map(pick, families.split("+"), members.split("+"))) if families else (),
            choices=tuple(zip(names, values, strict=True)),
        )
        for families, members, values in zip(
            rows["families"], rows["members"], settings.tolist(), strict=True
        )
    ]
