"""Which classifier head is best, is it used, and what does it cost?

One row an arm, in the order of the space; an arm with several variants also has a row for each
variant. Runs are as in `arms`. Means and standard deviations (n − 1) are over runs; accuracies are
shares in [0, 1]. After the tables of arXiv 2601.15021.

arm                   the arm
variant               one of its variants; empty for all of them together
runs                  number of runs
mean_val_acc          validation accuracy after the last epoch
sd_val_acc
mean_best_val_acc     the best validation accuracy of any epoch: what the source reports, which is
                      selected and so too high
mean_test_acc         test accuracy after the last epoch
sd_test_acc
test_se               binomial standard error of one run's test accuracy (Agresti and Coull 1998)
mean_clean_train_acc  accuracy on the training images, unaugmented; missing if they were not scored
perfect               runs that classify every training image correctly
entropy_norm          H(q) / ln E on validation, q the experts' shares of the work: 1 is even use
busiest_share         the largest of these shares
params                number of parameters
macs                  multiply-accumulate operations of one image's forward pass; of the sparse head
                      those of its chosen experts
images_per_second     in training, mean over epochs
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.aggregates import standard_error
from nas.results.arm_runs import (
    arm_rows,
    arm_runs,
    epochs_of,
    final_metrics,
    of_arm,
    only_value,
    with_routing,
)

KINDS = {
    "arm": "str",
    "variant": "str",
    "runs": "int64",
    **dict.fromkeys(
        (
            *("mean_val_acc", "sd_val_acc", "mean_best_val_acc", "mean_test_acc", "sd_test_acc"),
            *("test_se", "mean_clean_train_acc"),
        ),
        "float64",
    ),
    "perfect": "Int64",
    "entropy_norm": "float64",
    "busiest_share": "float64",
    "params": "Int64",
    "macs": "Int64",
    "images_per_second": "float64",
}


def table(data: CampaignData) -> pd.DataFrame:
    runs = _measured(data, arm_runs(data))
    rows = []
    for arm, variant in arm_rows(data.space):
        mine = of_arm(runs, arm, variant)
        clean = mine["clean_train_acc"].dropna()
        rows.append(
            {
                "arm": arm,
                "variant": variant,
                "runs": len(mine),
                "mean_val_acc": mine["val_acc"].mean(),
                "sd_val_acc": mine["val_acc"].std(),
                "mean_best_val_acc": mine["best_val_acc"].mean(),
                "mean_test_acc": mine["test_acc"].mean(),
                "sd_test_acc": mine["test_acc"].std(),
                "test_se": mine["test_se"].mean(),
                "mean_clean_train_acc": clean.mean(),
                "perfect": int((clean == 1).sum()) if len(clean) else None,
                "entropy_norm": mine["entropy_norm"].mean(),
                "busiest_share": mine["busiest_share"].mean(),
                "params": only_value(mine["params"]),
                "macs": only_value(mine["macs"]),
                "images_per_second": mine["images_per_second"].mean(),
            }
        )
    return pd.DataFrame(rows, columns=list(KINDS)).astype(KINDS)


def _measured(data: CampaignData, runs: pd.DataFrame) -> pd.DataFrame:
    """The runs, with figures from their epochs and their layer that routes."""
    epochs = epochs_of(data, runs).groupby("candidate")
    shares = final_metrics(data, runs)
    shares = shares[(shares["metric"] == "expert_shares") & (shares["split"] == "val")]
    busiest = shares.groupby("candidate")["value"].max()
    measured = {
        "best_val_acc": runs["candidate"].map(epochs["val_acc"].max()),
        "images_per_second": runs["candidate"].map(epochs["images_per_second"].mean()),
        "busiest_share": runs["candidate"].map(busiest),
        "test_se": standard_error(runs["test_acc"], runs["test_images"].astype(float)),
    }
    return with_routing(data, runs, "entropy_norm").assign(**measured)
