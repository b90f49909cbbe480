"""Did the experts that were there change when another was added?

One row an arm that adds an expert (the procedure hot_plug), in the order of the space; an arm with
several variants also has a row for each variant. Runs, means and standard deviations are as in
`arms`; accuracies in [0, 1].

arm            the arm
variant        one of its variants; empty for all of them together
runs           number of runs
tensors        parameters and buffers of what was there before
changed        mean number of them that changed
equal          runs whose old experts' logits on validation are the same bit for bit
before_acc     accuracy of the old experts on their own images before
after_acc      and after
gain           after_acc − before_acc
gain_low       95 % t interval of that difference over runs
gain_high
gain_worst     the largest loss of any run
mean_val_acc   validation accuracy of the whole mixture at the end
sd_val_acc
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.arm_runs import arm_runs
from nas.results.arm_table import Figure, arm_table, interval, mean, sd, shared
from nas.results.training_events import details, training_events_of

THROUGH = "gain_worst"
EMPTY = "No run has an added expert (the procedure hot_plug)."

RECORDED = {"before": "before_acc", "after": "after_acc"}


def table(data: CampaignData) -> pd.DataFrame:
    runs = arm_runs(data)
    events = training_events_of(data, runs, "plugged")
    names = ["tensors", "changed", "equal", *RECORDED]
    found = events[["candidate"]].join(details(events, names)).rename(columns=RECORDED)
    found["gain"] = found["after_acc"] - found["before_acc"]
    runs = runs.merge(found, on="candidate")
    rows = arm_table(
        data,
        runs,
        {
            "tensors": shared("tensors"),
            "changed": mean("changed"),
            "equal": Figure(lambda some: int(some["equal"].astype(bool).sum()), "Int64"),
            "before_acc": mean("before_acc"),
            "after_acc": mean("after_acc"),
            "gain": mean("gain"),
            **interval("gain"),
            "gain_worst": Figure(lambda some: some["gain"].min()),
            "mean_val_acc": mean("val_acc"),
            "sd_val_acc": sd("val_acc"),
        },
    )
    return rows[rows["runs"] > 0].reset_index(drop=True)
