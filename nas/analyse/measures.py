"""What several analyses count in the same way."""

from typing import cast

import pandas as pd

from nas.analyse.frames import Frames
from nas.ledger.columns import TEXT
from nas.spec import Status

FAILED = tuple(status.value for status in Status if status.failed)
"""Outcomes that speak against a candidate."""


def finals(frames: Frames, role: str = "search") -> pd.DataFrame:
    """The attempts that candidates of a role got their results from, in the order of draws.

    A candidate that ended without an attempt of its own (it died too often) is not among them.
    """
    rows = frames.attempts
    return rows[rows["final"] & (rows["role"] == role)].sort_values("number")


def by_family(rows: pd.DataFrame) -> pd.DataFrame:
    """One row a candidate's (or attempt's) expert: columns `family` and `model` are added."""
    rows = rows[rows["families"] != ""]  # a space may have no experts
    split = rows.assign(
        family=rows["families"].str.split("+"), model=rows["members"].str.split("+")
    )
    long = split.explode(["family", "model"], ignore_index=True)
    return long.astype({"family": TEXT, "model": TEXT})  # an empty explode forgets it


def alone(frames: Frames) -> pd.DataFrame:
    """Controls that came to an end: `family`, `model`, `outcome`, and `alone_val_acc`,
    `alone_test_acc` (missing where the control failed)."""
    rows = by_family(finals(frames, "control"))
    rows = rows[["family", "model", "outcome", "val_acc", "test_acc"]]
    return rows.rename(columns={"val_acc": "alone_val_acc", "test_acc": "alone_test_acc"})


def wilson(successes: int, trials: int) -> tuple[float, float]:
    """95 % Wilson score interval of a rate (Wilson 1927); missing without trials."""
    from scipy.stats import binomtest  # type: ignore[import-untyped]  # half a second

    if trials == 0:
        return float("nan"), float("nan")
    interval = binomtest(int(successes), int(trials)).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def seconds_of(frames: Frames, role: str = "search") -> "pd.Series[float]":
    """Worker seconds of each candidate of a role, all its attempts, by `candidate`."""
    rows = frames.attempts
    rows = rows[rows["role"] == role]
    return cast("pd.Series[float]", rows.groupby("candidate")["seconds"].sum())
