"""How do routers share tokens among experts, layer by layer?

For each arm and variant whose network routes, a row for the mean over its layers, in training and
on validation, and one for each layer on validation; of the last epoch. Runs, means and
standard deviations are as in `arms`. q are the experts' shares of kept tokens over a pass.
The third table of mirkzx04/Positional_Convolution_Experts.

arm                   the arm
variant               one of its variants; empty for all of them together
split                 train: as trained on, with noise and augmentation; or val
layer                 the layer that routes; mean: over all layers
runs                  number of runs
spec_entropy          mean over tokens of H(p) / ln E, p their router probabilities
entropy_norm          H(q) / ln E
sd_entropy_norm
imbalance             max q / min q; of layers without dead experts alone, where it is infinite
sd_imbalance
drop_rate             share of tokens that found no room
sd_drop_rate
cap_ratio             kept tokens over the places of all experts
dead                  experts with less than a millionth of the tokens
active                the others
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.arm_runs import arm_runs, routing
from nas.results.arm_table import arm_table, mean, sd

EMPTY = "No layer of any run routes."

FIGURES = {
    "spec_entropy": mean("spec_entropy"),
    "entropy_norm": mean("entropy_norm"),
    "sd_entropy_norm": sd("entropy_norm"),
    "imbalance": mean("imbalance"),
    "sd_imbalance": sd("imbalance"),
    "drop_rate": mean("drop_rate"),
    "sd_drop_rate": sd("drop_rate"),
    "cap_ratio": mean("cap_ratio"),
    "dead": mean("dead"),
    "active": mean("active"),
}
METRICS = [name for name in FIGURES if not name.startswith("sd_")]


def table(data: CampaignData) -> pd.DataFrame:
    runs = arm_runs(data)
    train, val = (routing(data, runs, split) for split in ("train", "val"))
    layers = pd.concat([_mean(train, "train"), _mean(val, "val"), val.assign(split="val")])
    layers = layers.reindex(columns=["candidate", "split", "layer", *METRICS])
    layers = layers.astype(dict.fromkeys(METRICS, "float64"))
    layers = layers.merge(runs[["candidate", "families", "members", "cell"]], on="candidate")
    return arm_table(data, layers, FIGURES, by={"split": "str", "layer": "str"})


def _mean(layers: pd.DataFrame, split: str) -> pd.DataFrame:
    """One row a run: the mean over its layers."""
    means = layers.drop(columns="layer").groupby("candidate").mean().reset_index()
    return means.assign(split=split, layer="mean")
