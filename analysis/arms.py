"""Which arm is better than the reference arm, over several seeds?

One row an arm, in the order of the space; an arm with several variants also has a row for each
variant. Runs are candidates of the search and their replicates that were trained to the end and
learned something; candidates selected for confirmation are not among them. With early stopping
there are no intervals, because results chose which runs were trained to the end. Accuracies are
shares in [0, 1]; values that were not measured are missing.

arm                   the arm; the reference is the arm that the others are compared with
variant               one of its variants; empty for all of them together
mean_val_acc          mean validation accuracy of its runs
val_acc_low           its 95 % t interval, missing below three runs
val_acc_high
difference            mean_val_acc − that of the reference arm
difference_low        its 95 % interval (Welch 1947), missing below three runs of either
difference_high
sd_val_acc            standard deviation of the runs (n − 1)
runs                  number of runs
mean_test_acc         mean test accuracy
mean_train_loss       mean training loss of the last epoch, as optimised
mean_val_loss         mean validation loss
params                number of parameters
macs                  multiply-accumulate operations of one image's forward pass
seconds               mean worker time of a run, in seconds
failed                candidates and replicates that failed
collapsed             runs that learned nothing, which the means leave out
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.aggregates import mean_interval
from nas.results.arm_runs import (
    about_survivors,
    arm_rows,
    arm_runs,
    ended_runs,
    of_arm,
    only_value,
)
from nas.results.outcomes import FAILED
from nas.stats.comparison import unpaired_difference

COLUMNS = {
    "arm": "str",
    "variant": "str",
    "mean_val_acc": "float64",
    "val_acc_low": "float64",
    "val_acc_high": "float64",
    "difference": "float64",
    "difference_low": "float64",
    "difference_high": "float64",
    "sd_val_acc": "float64",
    "runs": "int64",
    "mean_test_acc": "float64",
    "mean_train_loss": "float64",
    "mean_val_loss": "float64",
    "params": "Int64",
    "macs": "Int64",
    "seconds": "float64",
    "failed": "int64",
    "collapsed": "int64",
}


def table(data: CampaignData) -> pd.DataFrame:
    runs, ended = arm_runs(data), ended_runs(data)
    space = data.space
    reference = space.reference or next(iter(space.arms), "")
    baseline = of_arm(runs, reference)["val_acc"].to_numpy()
    rows = []
    for arm, variant in arm_rows(space):
        mine, theirs = of_arm(runs, arm, variant), of_arm(ended, arm, variant)
        _, low, high, count = mean_interval(mine["val_acc"])
        row = {
            "arm": arm,
            "variant": variant,
            "mean_val_acc": mine["val_acc"].mean(),
            "val_acc_low": low,
            "val_acc_high": high,
            "sd_val_acc": mine["val_acc"].std(),
            "runs": count,
            "mean_test_acc": mine["test_acc"].mean(),
            "mean_train_loss": mine["train_loss"].mean(),
            "mean_val_loss": mine["val_loss"].mean(),
            "params": only_value(mine["params"]),
            "macs": only_value(mine["macs"]),
            "seconds": mine["seconds"].mean(),
            "failed": int(theirs["outcome"].isin(FAILED).sum()),
            "collapsed": int(theirs["collapsed"].sum()),
        }
        if arm != reference:
            found = unpaired_difference(mine["val_acc"].to_numpy(), baseline)
            row |= {
                "difference": found.mean,
                "difference_low": found.low,
                "difference_high": found.high,
            }
        rows.append(row)
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    notes = [f"differences are against {reference}"] if reference else []
    if rows and (survivors := about_survivors(data)):
        frame[[name for name in COLUMNS if name.endswith(("_low", "_high"))]] = float("nan")
        notes.append(survivors)
    if notes:
        frame.attrs["note"] = "; ".join(notes)
    return frame
