"""How do routers share tokens among experts, layer by layer?

For each arm and variant whose network routes, a row for the mean over its layers, in training and
on validation, and one for each layer on validation; of the last epoch. Runs are as in `arms`; means
and standard deviations (n − 1) are over runs. q are the experts' shares of kept tokens over a pass.
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
dropped_rate          share of tokens that found no room
sd_dropped_rate
capacity_rate         kept tokens over the places of all experts
dead                  experts with less than a millionth of the tokens
active                the others
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.arm_runs import arm_rows, arm_runs, of_arm, routing

METRICS = {
    "spec_entropy": "spec_entropy",
    "entropy_norm": "entropy_norm",
    "imbalance": "imbalance",
    "drop_rate": "dropped_rate",
    "cap_ratio": "capacity_rate",
    "dead": "dead",
    "active": "active",
}
SPREAD = ("entropy_norm", "imbalance", "dropped_rate")
KINDS = {
    **dict.fromkeys(("arm", "variant", "split", "layer"), "str"),
    "runs": "int64",
    **dict.fromkeys(METRICS.values(), "float64"),
    **{f"sd_{name}": "float64" for name in SPREAD},
}
ORDER = [
    *("arm", "variant", "split", "layer", "runs", "spec_entropy"),
    *("entropy_norm", "sd_entropy_norm", "imbalance", "sd_imbalance"),
    *("dropped_rate", "sd_dropped_rate", "capacity_rate", "dead", "active"),
]


def table(data: CampaignData) -> pd.DataFrame:
    runs = arm_runs(data)
    layers = {split: _renamed(routing(data, runs, split)) for split in ("train", "val")}
    rows = []
    for arm, variant in arm_rows(data.space):
        candidates = of_arm(runs, arm, variant)["candidate"]
        for split, every in layers.items():
            mine = every[every["candidate"].isin(candidates)]
            if mine.empty:
                continue
            named = {"arm": arm, "variant": variant, "split": split}
            mean = mine.drop(columns="layer").groupby("candidate").mean().reset_index()
            rows.append({**named, "layer": "mean", **_figures(mean)})
            if split == "val":
                rows += [
                    {**named, "layer": layer, **_figures(of_layer)}
                    for layer, of_layer in mine.groupby("layer")
                ]
    return pd.DataFrame(rows, columns=ORDER).astype({name: KINDS[name] for name in ORDER})


def _renamed(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.rename(columns=METRICS).reindex(columns=["candidate", "layer", *METRICS.values()])


def _figures(rows: pd.DataFrame) -> dict[str, float]:
    figures = {name: rows[name].mean() for name in METRICS.values()}
    return {"runs": len(rows), **figures, **{f"sd_{name}": rows[name].std() for name in SPREAD}}
