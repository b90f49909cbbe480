"""Which classifier head is best, is it used, and what does it cost?

One row an arm, in the order of the space; an arm with several variants also has a row for each
variant. Runs, means and standard deviations are as in `arms`; accuracies are shares in
[0, 1]. After the tables of arXiv 2601.15021.

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
train_eigenvalue      mean largest eigenvalue of the Hessian of the loss on training images, if
                      `nas diagnose --only curvature` was applied; see the report `curvature`
train_eigenvalue_low  95 % t interval of the mean over runs
train_eigenvalue_high
test_eigenvalue       the same on test images
test_eigenvalue_low
test_eigenvalue_high
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.aggregates import standard_error
from nas.results.arm_runs import arm_runs, epochs_of, final_metrics, with_routing
from nas.results.arm_table import Figure, arm_table, interval, mean, sd, shared
from nas.results.curvature import SPLITS, curvatures

THROUGH = "macs"
TEMPLATE = "heads"


def table(data: CampaignData) -> pd.DataFrame:
    return arm_table(
        data,
        _measured(data, arm_runs(data)),
        {
            "mean_val_acc": mean("val_acc"),
            "sd_val_acc": sd("val_acc"),
            "mean_best_val_acc": mean("best_val_acc"),
            "mean_test_acc": mean("test_acc"),
            "sd_test_acc": sd("test_acc"),
            "test_se": mean("test_se"),
            "mean_clean_train_acc": mean("clean_train_acc"),
            "perfect": Figure(_perfect, "Int64"),
            "entropy_norm": mean("entropy_norm"),
            "busiest_share": mean("busiest_share"),
            "params": shared("params"),
            "macs": shared("macs"),
            "images_per_second": mean("images_per_second"),
            **{
                n: each for split in SPLITS for n, each in _sharpness(f"{split}_eigenvalue").items()
            },
        },
    )


def _sharpness(column: str) -> dict[str, Figure]:
    return {column: mean(column), **interval(column)}


def _perfect(runs: pd.DataFrame) -> int | None:
    scored = runs["clean_train_acc"].dropna()
    return int((scored == 1).sum()) if len(scored) else None


def _measured(data: CampaignData, runs: pd.DataFrame) -> pd.DataFrame:
    """The runs, with figures from their epochs and their layer that routes."""
    epochs = epochs_of(data, runs).groupby("candidate")
    shares = final_metrics(data, runs)
    shares = shares[(shares["metric"] == "expert_shares") & (shares["split"] == "val")]
    measured = {
        "best_val_acc": epochs["val_acc"].max(),
        "images_per_second": epochs["images_per_second"].mean(),
        "busiest_share": shares.groupby("candidate")["value"].max(),
    }
    runs = runs.assign(**{name: runs["candidate"].map(of) for name, of in measured.items()})
    found = curvatures(data, runs).set_index("candidate")
    for split in SPLITS:
        values = found.loc[found["split"] == split, "eigenvalue"]
        runs[f"{split}_eigenvalue"] = runs["candidate"].map(values).astype("float64")
    runs["test_se"] = standard_error(runs["test_acc"], runs["test_images"].astype(float))
    return with_routing(data, runs, "entropy_norm")
