"""Did the experts that were there change when another was added?

One row an arm that adds an expert (the procedure hot_plug), in the order of the space; an arm with
several variants also has a row for each variant. Runs, means and standard deviations are as in
`arms`; accuracies in [0, 1].

arm             the arm
variant         one of its variants; empty for all of them together
runs            number of runs
tensors         parameters and buffers of what was there before
changed         mean number of them that changed
equal           runs whose old experts' logits on validation are the same bit for bit
acc_before      accuracy of the old experts on their own images before
acc_after       and after
change          acc_after − acc_before
change_low      95 % t interval of that difference over runs
change_high
worst_change    the largest loss of any run
mean_val_acc    validation accuracy of the whole mixture at the end
sd_val_acc
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.aggregates import mean_interval
from nas.results.arm_runs import arm_runs
from nas.results.arm_table import Figure, arm_table, mean, sd, shared
from nas.results.training_events import details, training_events_of

RECORDED = {"before": "acc_before", "after": "acc_after"}


def table(data: CampaignData) -> pd.DataFrame:
    runs = arm_runs(data)
    events = training_events_of(data, runs, "plugged")
    names = ["tensors", "changed", "equal", *RECORDED]
    found = events[["candidate"]].join(details(events, names)).rename(columns=RECORDED)
    found["change"] = found["acc_after"] - found["acc_before"]
    runs = runs.merge(found, on="candidate")
    rows = arm_table(
        data,
        runs,
        {
            "tensors": shared("tensors"),
            "changed": mean("changed"),
            "equal": Figure(lambda some: int(some["equal"].astype(bool).sum()), "Int64"),
            "acc_before": mean("acc_before"),
            "acc_after": mean("acc_after"),
            "change": mean("change"),
            "change_low": Figure(lambda some: mean_interval(some["change"])[1]),
            "change_high": Figure(lambda some: mean_interval(some["change"])[2]),
            "worst_change": Figure(lambda some: some["change"].min()),
            "mean_val_acc": mean("val_acc"),
            "sd_val_acc": sd("val_acc"),
        },
    )
    return rows[rows["runs"] > 0].reset_index(drop=True)
