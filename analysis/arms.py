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

from collections.abc import Iterator

import pandas as pd

from nas.results import CampaignData
from nas.results.aggregates import finals, learned, mean_interval
from nas.results.observed import first_rung
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
ROLES = ("search", "replicate")


def table(data: CampaignData) -> pd.DataFrame:
    runs = pd.concat([learned(data, role) for role in ROLES])
    ended = pd.concat([finals(data, role) for role in ROLES])
    last = data.epochs.sort_values("epoch").groupby("candidate")["train_loss"].last()
    runs = runs.assign(train_loss=runs["candidate"].map(last))
    space = data.space
    reference = space.reference or next(iter(space.arms), "")
    baseline = runs.loc[runs["families"] == reference, "val_acc"].to_numpy()
    rows = []
    for arm, variant in _rows(data):
        mine = _of(runs, arm, variant)
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
            "seconds": mine["seconds"].mean(),
            "failed": int(_of(ended, arm, variant)["outcome"].isin(FAILED).sum()),
            "collapsed": int(_of(ended, arm, variant)["collapsed"].sum()),
        }
        if arm != reference:
            found = unpaired_difference(mine["val_acc"].to_numpy(), baseline)
            row |= {
                "difference": found.mean,
                "difference_low": found.low,
                "difference_high": found.high,
            }
        for name in ("params", "macs"):
            known = mine[name].dropna().unique()
            row[name] = known[0] if len(known) == 1 else None
        rows.append(row)
    frame = pd.DataFrame(rows, columns=list(COLUMNS)).astype(COLUMNS)
    notes = [f"differences are against {reference}"] if reference else []
    if rows and first_rung(data) is not None:
        frame[[name for name in COLUMNS if name.endswith(("_low", "_high"))]] = float("nan")
        notes.append("of the survivors of early stopping alone, so without intervals")
    if notes:
        frame.attrs["note"] = "; ".join(notes)
    return frame


def _rows(data: CampaignData) -> Iterator[tuple[str, str]]:
    for arm, variants in data.space.arms.items():
        yield arm, ""
        if len(variants) > 1:
            yield from ((arm, variant.label) for variant in variants)


def _of(rows: pd.DataFrame, arm: str, variant: str) -> pd.DataFrame:
    mine = rows[rows["families"] == arm]
    return mine[mine["members"] == variant] if variant else mine
