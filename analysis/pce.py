"""Does a network of routed patches generalise better with more experts?

One row an arm, in the order of the space; an arm with several variants also has a row for each
variant. Runs, means and standard deviations are as in `arms`; accuracies are shares in [0, 1],
losses in nats. The first table of mirkzx04/Positional_Convolution_Experts.

arm                   the arm
variant               one of its variants; empty for all of them together
runs                  number of runs
mean_val_acc          validation accuracy
sd_val_acc
mean_val_loss         cross-entropy on validation
sd_val_loss
mean_test_acc         test accuracy
sd_test_acc
mean_clean_train_acc  accuracy on the training images, unaugmented; missing if they were not scored
mean_clean_loss       their cross-entropy
mean_loss_gap         cross-entropy on validation − on the training images: how much is overfitting
sd_loss_gap
spec_entropy          mean over tokens of H(p) / ln E on validation, p a token's router
                      probabilities, mean over layers: 0 is decided, 1 undecided
sd_spec_entropy
params                number of parameters
macs                  multiply-accumulate operations of one image's forward pass, as executed
active_macs           the same without experts' places for tokens that no token takes
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.arm_runs import arm_runs, with_routing
from nas.results.arm_table import arm_table, mean, no_gap, sd, shared

THROUGH = "spec_entropy"
TEMPLATE = "pce"

FIGURES = {
    "mean_val_acc": mean("val_acc"),
    "sd_val_acc": sd("val_acc"),
    "mean_val_loss": mean("val_loss"),
    "sd_val_loss": sd("val_loss"),
    "mean_test_acc": mean("test_acc"),
    "sd_test_acc": sd("test_acc"),
    "mean_clean_train_acc": mean("clean_train_acc"),
    "mean_clean_loss": mean("clean_loss"),
    "mean_loss_gap": mean("loss_gap"),
    "sd_loss_gap": sd("loss_gap"),
    "spec_entropy": mean("spec_entropy"),
    "sd_spec_entropy": sd("spec_entropy"),
    "params": shared("params"),
    "macs": shared("macs"),
    "active_macs": shared("active_macs"),
}


def table(data: CampaignData) -> pd.DataFrame:
    runs = arm_runs(data)
    return arm_table(data, with_routing(data, runs, "spec_entropy"), FIGURES, note=no_gap(runs))
