"""Which families' attempts fail?

One row a family of which an attempt failed, the largest share first; attempts of every role,
including retried ones. A failed attempt counts for each of its families. An attempt that was
retried because its driver died is not a failure. `failures` lists what fails, and where.

family                as the space names it
failed                attempts with it that failed
ended                 attempts with it that ended
share                 failed / ended, in [0, 1]
low                   95 % Wilson interval of the share
high
seconds               worker time of the failed attempts, in seconds
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.aggregates import by_family, ended, wilson
from nas.results.outcomes import FAILED


def table(data: CampaignData) -> pd.DataFrame:
    rows = by_family(ended(data.attempts), "outcome", "seconds")
    rows["failed"] = rows["outcome"].isin(FAILED)
    rows["seconds"] = rows["seconds"].where(rows["failed"], 0.0)
    found = rows.groupby("family").agg(
        failed=("failed", "sum"), ended=("failed", "count"), seconds=("seconds", "sum")
    )
    found = found[found["failed"] > 0]
    found["share"] = found["failed"] / found["ended"]
    found["low"], found["high"] = wilson(found["failed"], found["ended"])
    found = found.reset_index().sort_values(["share", "family"], ascending=[False, True])
    columns = ["family", "failed", "ended", "share", "low", "high", "seconds"]
    found = found[columns].reset_index(drop=True)
    found.attrs["empty"] = "No attempt of any family has failed."
    return found
