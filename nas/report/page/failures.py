"""What fails, where, and in whose company."""

from typing import Any

import pandas as pd

from nas.analyse.measures import FAILED, by_family, wilson
from nas.report.page.plain import Column, table
from nas.report.page.snapshot import Snapshot
from nas.spec import DRIVER

LATEST = 200
"""Failed attempts that are listed one by one."""
_BY_TYPE = (
    Column("outcome", "Type", "text"),
    Column("stage", "Stage", "text"),
    Column("attempts", "Attempts", "int"),
    Column("candidates", "Candidates", "int"),
    Column("seconds", "Worker time", "seconds"),
    Column("message", "Latest message", "text"),
)
_BY_FAMILY = (
    Column("family", "Family", "text"),
    Column("failed", "Failed attempts", "int"),
    Column("ended", "Ended attempts", "int"),
    Column("share", "Share", "percent"),
    Column("low", "95 % low", "percent", "Wilson"),
    Column("high", "95 % high", "percent", "Wilson"),
    Column("seconds", "Worker time", "seconds", "lost in them"),
)
_WHO_FAILS = (
    Column("outcome", "Type", "text"),
    Column("stage", "Stage", "text"),
    Column("family", "Family", "text"),
    Column("attempts", "Attempts", "int"),
    Column("share", "Share", "percent", "of all ended attempts with the family"),
    Column("seconds", "Worker time", "seconds"),
    Column("message", "Latest message", "text"),
)
_LATEST = (
    Column("ended_at", "Ended (UTC)", "time"),
    Column("role", "Role", "text"),
    Column("number", "Draw", "number"),
    Column("families", "Families", "joined"),
    Column("outcome", "Type", "text"),
    Column("stage", "Stage", "text"),
    Column("message", "Message", "text"),
    Column("seconds", "Worker time", "seconds"),
    Column("key", "Key", "key"),
)


def failed(ledger: Snapshot, campaign: str) -> pd.DataFrame:
    """Failed attempts, of every role, retried ones too; not those that only lost their driver."""
    rows = _ended(ledger.attempts(campaign))
    return rows[rows["outcome"].isin(FAILED)]


def failures(ledger: Snapshot, campaign: str) -> dict[str, Any]:
    """`by_type`, `by_family`, `who`, `latest`: tables; `ended`: attempts that came to an end."""
    ended = _ended(ledger.attempts(campaign))
    lost = failed(ledger, campaign)
    who = ledger.table("failures", campaign)
    return {
        "ended": len(ended),
        "failed": len(lost),
        "by_type": table(_by_type(lost), _BY_TYPE, "failures"),
        "by_family": table(_by_family(ended), _BY_FAMILY, "failures"),
        "who": table(who, _WHO_FAILS, "failures"),
        "latest": table(lost.iloc[::-1].head(LATEST), _LATEST, "failures"),
    }


def _ended(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[rows["outcome"].notna() & ((rows["stage"] != DRIVER) | rows["final"])]


def _by_type(lost: pd.DataFrame) -> pd.DataFrame:
    return (
        lost.groupby(["outcome", "stage"])
        .agg(
            attempts=("attempt", "count"),
            candidates=("candidate", "nunique"),
            seconds=("seconds", "sum"),
            message=("message", "last"),
        )
        .reset_index()
        .sort_values(["attempts", "outcome", "stage"], ascending=[False, True, True])
    )


def _by_family(ended: pd.DataFrame) -> pd.DataFrame:
    """Families by the share of their ended attempts that failed; none that never failed."""
    rows = by_family(ended, "outcome", "seconds")
    rows["failed"] = rows["outcome"].isin(FAILED)
    rows["seconds"] = rows["seconds"].where(rows["failed"], 0.0)
    found = rows.groupby("family").agg(
        failed=("failed", "sum"), ended=("failed", "count"), seconds=("seconds", "sum")
    )
    found["share"] = found["failed"] / found["ended"]
    found["low"], found["high"] = wilson(found["failed"], found["ended"])
    found = found[found["failed"] > 0].reset_index()
    return found.sort_values(["share", "family"], ascending=[False, True])
