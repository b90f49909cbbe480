"""Does a network that is pruned and regrown in cycles keep its accuracy?

One row an arm and cycle, of arms with the procedure prune_regrow, in the order of the space; an arm
with several variants also has rows for each variant. After the cycle's last epoch, when all weights
train again. Runs, means and standard deviations are as in `arms`; accuracies in [0, 1].

arm           the arm
variant       one of its variants; empty for all of them together
cycle         from 1
runs          number of runs
pruned_share  of the weights that the cycle pruned
mean_val_acc  validation accuracy at its end
sd_val_acc
gain          mean difference from the same run's first cycle; missing for that one
gain_low      95 % t interval of that mean over runs
gain_high
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.arm_runs import arm_runs
from nas.results.arm_table import arm_table, interval, mean, sd
from nas.results.training_events import details, training_events_of

THROUGH = "gain_high"
EMPTY = "No run was pruned and regrown (the procedure prune_regrow)."


def table(data: CampaignData) -> pd.DataFrame:
    runs = arm_runs(data).drop(columns="val_acc")  # of the last epoch
    cycles = _of_cycles(data, runs, "cycle", "val_acc")
    pruned = _of_cycles(data, runs, "pruned", "pruned", "weights")
    pruned["pruned_share"] = (pruned["pruned"] / pruned["weights"]).astype("float64")
    found = cycles.merge(pruned[["candidate", "cycle", "pruned_share"]], on=["candidate", "cycle"])
    first = found[found["cycle"] == 1].set_index("candidate")["val_acc"]
    found["gain"] = (found["val_acc"] - found["candidate"].map(first)).where(found["cycle"] > 1)
    return arm_table(
        data,
        runs.merge(found, on="candidate"),
        {
            "pruned_share": mean("pruned_share"),
            "mean_val_acc": mean("val_acc"),
            "sd_val_acc": sd("val_acc"),
            "gain": mean("gain"),
            **interval("gain"),
        },
        by={"cycle": "int64"},
    )


def _of_cycles(data: CampaignData, runs: pd.DataFrame, kind: str, *names: str) -> pd.DataFrame:
    """What events of a kind recorded, one row a run and cycle."""
    events = training_events_of(data, runs, kind)
    found = events[["candidate"]].join(details(events, ["cycle", *names]))
    kinds = dict.fromkeys(names, "float64")
    return found.astype({"cycle": "int64", **kinds})
