"""Does a network of routed patches generalise better with more experts?

One row an arm, in the order of the space; an arm with several variants also has a row for each
variant. Runs are as in `arms`. Means and standard deviations (n − 1) are over runs; accuracies are
shares in [0, 1], losses in nats. The first table of mirkzx04/Positional_Convolution_Experts.

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
macs                  multiply-accumulate operations of one image's forward pass
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.arm_runs import arm_rows, arm_runs, of_arm, only_value, with_routing

FIGURES = {
    "val_acc": ("mean_val_acc", "sd_val_acc"),
    "val_loss": ("mean_val_loss", "sd_val_loss"),
    "test_acc": ("mean_test_acc", "sd_test_acc"),
    "clean_train_acc": ("mean_clean_train_acc", None),
    "clean_loss": ("mean_clean_loss", None),
    "loss_gap": ("mean_loss_gap", "sd_loss_gap"),
    "spec_entropy": ("spec_entropy", "sd_spec_entropy"),
}


def table(data: CampaignData) -> pd.DataFrame:
    runs = with_routing(data, arm_runs(data), "spec_entropy")
    columns = [name for pair in FIGURES.values() for name in pair if name]
    rows = []
    for arm, variant in arm_rows(data.space):
        mine = of_arm(runs, arm, variant)
        row = {"arm": arm, "variant": variant, "runs": len(mine)}
        for figure, (mean, sd) in FIGURES.items():
            row[mean] = mine[figure].mean()
            if sd:
                row[sd] = mine[figure].std()
        row |= {name: only_value(mine[name]) for name in ("params", "macs")}
        rows.append(row)
    kinds = {
        "arm": "str",
        "variant": "str",
        "runs": "int64",
        **dict.fromkeys(columns, "float64"),
        "params": "Int64",
        "macs": "Int64",
    }
    return pd.DataFrame(rows, columns=list(kinds)).astype(kinds)
