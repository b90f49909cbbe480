"""Aggregates that several analyses share."""

from collections.abc import Sequence
from typing import cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from nas.ledger.columns import TEXT
from nas.results.campaign_tables import CampaignTables
from nas.schema import DRIVER, MEMORY_OF_OTHERS, Status
from nas.stats import proportions

Ints = NDArray[np.int64]


def finals(data: CampaignTables, role: str = "search") -> pd.DataFrame:
    """The attempts that candidates of a role got their results from, in the order of draws.

    A candidate that ended without an attempt of its own (it died too often) is not among them.
    """
    rows = data.attempts
    return rows[rows["final"] & (rows["role"] == role)].sort_values("number")


def learned(data: CampaignTables, role: str = "search") -> pd.DataFrame:
    """Of `finals`, those that were trained to their end and learned something."""
    rows = finals(data, role)
    return rows[(rows["outcome"] == Status.OK.value) & ~rows["collapsed"]]


def ended(attempts: pd.DataFrame) -> pd.DataFrame:
    """Attempts that came to an end, less those that only lost their driver, or waited for
    memory that others held."""
    crowded = (attempts["outcome"] == Status.OOM) & attempts["stage"].isin(MEMORY_OF_OTHERS)
    lost = ((attempts["stage"] == DRIVER) | crowded) & ~attempts["final"]
    return attempts[attempts["outcome"].notna() & ~lost]


def by_family(rows: pd.DataFrame, *keep: str) -> pd.DataFrame:
    """One row an expert of each candidate or attempt: `family`, `model`, and columns to keep."""
    rows = rows.loc[rows["families"] != "", [*keep, "families", "members"]]  # some have no experts
    families, counts = _split(rows["families"])
    models, _ = _split(rows["members"])
    long = rows[list(keep)].iloc[np.repeat(np.arange(len(rows)), counts)].reset_index(drop=True)
    long["family"] = pd.Series(families, dtype=TEXT)
    long["model"] = pd.Series(models, dtype=TEXT)
    return long


def by_pair(rows: pd.DataFrame, families: Sequence[str], *keep: str) -> pd.DataFrame:
    """One row a pair of each candidate's families: `pair`, its place among `combinations` of all
    the families, and columns to keep."""
    held, counts = _split(rows["families"])
    of = pd.Index(families).get_indexer(pd.Index(held))
    starts = np.cumsum(counts) - counts
    found = [np.empty((0, 2), dtype=np.int64)]  # (candidate, pair)
    for k in np.unique(counts).tolist():
        mine = np.flatnonzero(counts == k)
        a, b = of[starts[mine][:, None, None] + np.stack(np.triu_indices(k, 1))].swapaxes(0, 1)
        pair = a * len(families) - a * (a + 1) // 2 + b - a - 1
        known = (a >= 0) & (b >= 0)
        found.append(np.column_stack([np.nonzero(known)[0], pair[known]]))
        found[-1][:, 0] = mine[found[-1][:, 0]]
    candidate, pair = np.vstack(found).T
    long: pd.DataFrame = rows[list(keep)].iloc[candidate].reset_index(drop=True)
    return long.assign(pair=pair)


def _split(joined: "pd.Series[str]") -> tuple[list[str], Ints]:
    """What "+" joins in all rows, one after the other, and how many in each: one call, not many."""
    texts = joined.tolist()
    counts = np.array([text.count("+") + 1 for text in texts], dtype=np.int64)
    return "+".join(texts).split("+") if texts else [], counts


def control_results(data: CampaignTables) -> pd.DataFrame:
    """Controls that came to an end: `family`, `model`, `outcome`, and `alone_val_acc`,
    `alone_test_acc` (missing where the control failed, or learned nothing)."""
    rows = finals(data, "control")
    figures = ["val_acc", "test_acc"]
    rows = rows.assign(**{name: rows[name].mask(rows["collapsed"]) for name in figures})
    rows = by_family(rows, "outcome", *figures)
    return rows.rename(columns={"val_acc": "alone_val_acc", "test_acc": "alone_test_acc"})


def standard_error(rate: "pd.Series[float]", trials: "pd.Series[float]") -> "pd.Series[float]":
    """Binomial standard errors of rates, with 2 successes and 2 failures added (Agresti and Coull
    1998), so that they are not 0 at 0 and 100 %."""
    n = trials + 4
    p = (rate * trials + 2) / n
    return (p * (1 - p) / n) ** 0.5


def wilson(
    successes: "pd.Series[int]", trials: "pd.Series[int]"
) -> tuple["pd.Series[float]", "pd.Series[float]"]:
    """95 % Wilson score intervals of rates: low and high, missing where there are no trials."""
    successes, trials = successes.align(trials)
    ends = proportions.wilson(np.asarray(successes, dtype=float), np.asarray(trials, dtype=float))
    low, high = (pd.Series(end, index=trials.index) for end in ends)
    return low, high


def mean_interval(values: "pd.Series[float]") -> tuple[float, float, float, int]:
    """Mean, its 95 % t interval, and of how many; NaN below three."""
    from scipy.special import stdtrit  # Student's quantiles; scipy.stats takes longer to load

    known = values.dropna().astype(float)
    if len(known) < 3:
        return float("nan"), float("nan"), float("nan"), len(known)
    mean, half = known.mean(), stdtrit(len(known) - 1, 0.975) * known.sem()
    return float(mean), float(mean - half), float(mean + half), len(known)


def device_hours(data: CampaignTables, role: str = "search") -> "pd.Series[float]":
    """Device-hours of each candidate of a role, all its attempts, by `candidate`: of a GPU that an
    attempt has a share of, that share of its time; of a CPU worker, all of it."""
    rows = data.attempts
    rows = rows[rows["role"] == role]
    hours = rows["seconds"] / 3600 * rows["memory_fraction"].fillna(1.0)
    return cast("pd.Series[float]", hours.groupby(rows["candidate"]).sum())


def seconds_of(data: CampaignTables, role: str = "search") -> "pd.Series[float]":
    """Worker seconds of each candidate of a role, all its attempts, by `candidate`."""
    rows = data.attempts
    rows = rows[rows["role"] == role]
    return cast("pd.Series[float]", rows.groupby("candidate")["seconds"].sum())
