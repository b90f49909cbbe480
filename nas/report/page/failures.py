"""Failed attempts by type, stage and family."""

from typing import Any

import pandas as pd

from nas.report.page.serialize import Column, of_arms, table
from nas.report.page.snapshot import Snapshot
from nas.results.aggregates import ended
from nas.results.outcomes import FAILED

LATEST = 200
"""Maximum number of failed attempts that are listed individually."""
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
    Column("number", "No.", "number"),
    Column("families", "Families", "joined"),
    Column("members", "Members", "joined"),
    Column("outcome", "Type", "text"),
    Column("stage", "Stage", "text"),
    Column("message", "Message", "text"),
    Column("seconds", "Worker time", "seconds"),
    Column("key", "Key", "key"),
)


def failed(ledger: Snapshot, campaign: str) -> pd.DataFrame:
    """Attempts that ended with a failure, oldest first."""
    rows = ended(ledger.attempts(campaign))
    return rows[rows["outcome"].isin(FAILED)]


def latest(lost: pd.DataFrame) -> pd.DataFrame:
    """The attempts that are listed individually, latest first."""
    return lost.iloc[::-1].head(LATEST)


def failures(ledger: Snapshot, campaign: str) -> dict[str, Any]:
    """`by_type`, `by_family`, `who`, `latest`: tables; `ended`: number of attempts that ended;
    `failed`: number of those that failed. Attempts of every role count, including retried ones."""
    lost, arms = failed(ledger, campaign), bool(ledger.campaign(campaign).space.arms)
    return {
        "ended": len(ended(ledger.attempts(campaign))),
        "failed": len(lost),
        "by_type": table(_by_type(lost), _BY_TYPE, "failures"),
        "by_family": table(ledger.table("failing", campaign), of_arms(_BY_FAMILY, arms), "failing"),
        "who": table(ledger.table("failures", campaign), of_arms(_WHO_FAILS, arms), "failures"),
        "latest": table(latest(lost), of_arms(_LATEST, arms), "failures"),
    }


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
