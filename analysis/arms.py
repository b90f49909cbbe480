"""Which arm is better than the reference arm, over several seeds?

One row an arm, in the order of the space; an arm with several variants also has a row for each
variant. Runs are candidates of the search and their replicates that were trained to the end and
learned something; candidates selected for confirmation are not among them. Accuracies are shares in
[0, 1]; values that were not measured are missing.

A cell is a variant with one combination of choices; its runs differ in their seeds. The means of a
row are means of its cells' means, so each cell counts equally; standard deviations are those within
cells. Intervals are 95 % t intervals of that mean, with a variance for each cell and the degrees of
freedom of Satterthwaite: with one cell the usual interval, or Welch's (1947) of a difference. They
are missing while a cell of the row, or of the reference, has fewer than two runs, or the only cell
fewer than three. So is the difference while a cell has fewer than two runs, and where the two arms
were drawn with different choices. With early stopping there are no intervals.

arm                   the arm; the reference is the arm that the others are compared with
variant               one of its variants; empty for all of them together
mean_val_acc          mean validation accuracy
val_acc_low           its interval
val_acc_high
difference            mean_val_acc − that of the reference arm
difference_low        its interval
difference_high
sd_val_acc            standard deviation (n − 1) of runs of one cell
runs                  number of runs
mean_test_acc         mean test accuracy
mean_train_loss       mean training loss of the last epoch, as optimised
mean_val_loss         mean validation loss
params                number of parameters
macs                  multiply-accumulate operations of one image's forward pass, as executed
active_macs           the same without experts' places for tokens that no token takes
seconds               mean worker time of a run, all its attempts, in seconds
failed                candidates and replicates that failed
collapsed             runs that learned nothing, which the means leave out
"""

from itertools import product

import pandas as pd

from nas.results import CampaignData
from nas.results.arm_runs import arm_rows, arm_runs, choices_of, ended_runs, of_arm
from nas.results.arm_table import arm_table, mean, noted, sd, shared
from nas.results.outcomes import FAILED
from nas.schema import Status
from nas.stats.comparison import CellMean, difference_of_cells
from nas.stats.observations import Floats

THROUGH = "runs"
FEWEST_SEEDS = 2
"""Of a difference from the reference arm: one of single seeds would look like a finding."""

FIGURES = {
    "mean_val_acc": mean("val_acc"),
    "sd_val_acc": sd("val_acc"),
    "mean_test_acc": mean("test_acc"),
    "mean_train_loss": mean("train_loss"),
    "mean_val_loss": mean("val_loss"),
    "params": shared("params"),
    "macs": shared("macs"),
    "active_macs": shared("active_macs"),
    "seconds": mean("seconds"),
}
KINDS = {
    **dict.fromkeys(("val_acc_low", "val_acc_high"), "float64"),
    **dict.fromkeys(("difference", "difference_low", "difference_high"), "float64"),
    **dict.fromkeys(("failed", "collapsed"), "int64"),
}
ORDER = [
    *("arm", "variant", "mean_val_acc", "val_acc_low", "val_acc_high"),
    *("difference", "difference_low", "difference_high", "sd_val_acc", "runs", "mean_test_acc"),
    *(
        "mean_train_loss",
        "mean_val_loss",
        "params",
        "macs",
        "active_macs",
        "seconds",
        "failed",
        "collapsed",
    ),
]


def table(data: CampaignData) -> pd.DataFrame:
    runs, ended = arm_runs(data), ended_runs(data)
    reference = data.space.reference or next(iter(data.space.arms), "")
    known, baseline = _cells(data, runs, reference)
    rows = []
    for arm, variant in arm_rows(data.space):
        choices, cells = _cells(data, runs, arm, variant)
        found = CellMean.of(cells)
        theirs = of_arm(ended, arm, variant)
        row = {
            "val_acc_low": max(found.low, 0.0),  # NaN stays
            "val_acc_high": min(found.high, 1.0),
            "failed": int(theirs["outcome"].isin(FAILED).sum()),
            "collapsed": int(theirs["collapsed"].sum()),
        }
        seeds = min(map(len, [*cells, *baseline]), default=0)
        if arm != reference and choices == known and seeds >= FEWEST_SEEDS:
            against = difference_of_cells(cells, baseline)
            row["difference"] = against.mean
            row["difference_low"], row["difference_high"] = against.low, against.high
        rows.append(row)
    more = pd.DataFrame(rows, columns=list(KINDS)).astype(KINDS)
    frame = arm_table(data, runs, FIGURES).join(more)[ORDER]
    return noted(data, frame, *_notes(frame, reference))


def _notes(frame: pd.DataFrame, reference: str) -> list[str]:
    """What differences are against, and which figures need more runs."""
    others = frame[frame["arm"] != reference]
    notes = []
    if others["difference"].notna().any():
        notes.append(f"differences are against {reference}")
    done = frame[frame["runs"] > 0]
    if done["val_acc_low"].isna().any():
        notes.append("an interval of a mean needs three runs, or two of each variant")
    if len(others) and others["difference"].isna().any():
        notes.append(f"a difference needs two runs of each variant, and of {reference}")
    return notes


def _cells(
    data: CampaignData, runs: pd.DataFrame, arm: str, variant: str = ""
) -> tuple[set[str], list[Floats]]:
    """The combinations of choices that were drawn for an arm and not refused, and the accuracies of
    each of its variants with each of them: all that its mean is about, done or not."""
    drawn = of_arm(data.candidates[data.candidates["role"] == "search"], arm)
    choices = set(choices_of(drawn[drawn["outcome"] != Status.INVALID.value]))
    variants = [variant] if variant else [v.label for v in data.space.arms.get(arm, ())]
    values = of_arm(runs, arm, variant).groupby("cell")["val_acc"]
    done = {cell: some.to_numpy(dtype=float) for cell, some in values}
    nothing = pd.Series(dtype=float).to_numpy()
    return choices, [done.get(f"{v}{c}", nothing) for v, c in product(variants, sorted(choices))]
