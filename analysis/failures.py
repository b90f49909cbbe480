"""What fails, where, and what does it cost?

One row an outcome × stage × family, costliest first; attempts of every role, including retried
ones. A failed attempt counts for each of its families: the one at fault has the largest share. An
attempt that was retried because its driver died, or another program held the memory, is not a
failure.

outcome               invalid, oom, timeout, nan, crash, killed; or `benched`, an event
stage                 start, fit, data, build, train, measure or save; worker: its process died, or
                      hung and was killed; crowded, busy: other programs held the memory, or the
                      GPU; driver: the campaign's own process died repeatedly in the same epoch
family                empty in a space without families
attempts              number with the family that ended in this way
share                 attempts / all ended attempts with the family, in [0, 1]
message               of the latest attempt
candidates            number of different candidates among the attempts
seconds               worker time of the attempts, in seconds
"""

from typing import Any

import pandas as pd

from nas.results import CampaignData
from nas.results.aggregates import by_family, ended
from nas.results.outcomes import FAILED

COLUMNS = [
    *("outcome", "stage", "family", "attempts", "share", "message", "candidates", "seconds"),
]


def table(data: CampaignData) -> pd.DataFrame:
    columns = ("attempt", "candidate", "outcome", "stage", "seconds", "message")
    rows = ended(data.attempts)
    without = rows.loc[rows["families"] == "", list(columns)].assign(family="")
    every = pd.concat([by_family(rows, *columns), without])
    failed = every[every["outcome"].isin(FAILED)]
    answer = (
        failed.groupby(["outcome", "stage", "family"])
        .agg(
            attempts=("attempt", "count"),
            candidates=("candidate", "nunique"),
            seconds=("seconds", "sum"),
            message=("message", "last"),
        )
        .reset_index()
    )
    ended_with = answer["family"].map(every.groupby("family").size()).astype("float64")
    answer["share"] = answer["attempts"] / ended_with
    answer = answer.sort_values(["seconds", "attempts"], ascending=False, kind="stable")
    benched = [_benched(event) for event in data.events.itertuples() if event.kind == "benched"]
    if benched:
        answer = pd.concat([answer, pd.DataFrame(benched, columns=COLUMNS)])
    answer = answer[COLUMNS].reset_index(drop=True)
    answer.attrs["empty"] = "No attempt has failed."
    return answer


def _benched(event: Any) -> dict[str, Any]:
    """The exclusion of a family as a row: it is not an attempt and costs nothing by itself."""
    return {
        "outcome": "benched",
        "stage": "",
        "family": event.family,
        "attempts": 0,
        "share": float("nan"),
        "candidates": 0,
        "seconds": 0.0,
        "message": f"after {event.data.get('after', '?')} failed candidates in a row",
    }
