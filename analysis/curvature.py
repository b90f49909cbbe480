"""Which arm's loss is sharper, on training and on test images?

One row an arm and split, in the order of the space; an arm with several variants also has rows for
each variant. Of the runs whose largest Hessian eigenvalue `nas diagnose --only curvature` found at
the weights of the last epoch; runs are as in `arms`. Eigenvalues and traces scale with the loss and
with the square of a reparametrisation of the weights, so compare arms with the same backbone. A
network with more parameters has a larger trace at equal eigenvalues.

arm               the arm
variant           one of its variants; empty for all of them together
split             train or test: the images whose loss it is
runs              number of runs that were examined
eigenvalue        mean largest eigenvalue, in nats per squared unit of the parameters
eigenvalue_low    95 % t interval of the mean over runs
eigenvalue_high
ratio             geometric mean of the eigenvalue over that of the reference arm
ratio_low         95 % interval of it: Welch's, of the logarithms
ratio_high
trace             mean trace of the Hessian
trace_low         95 % t interval of the mean over runs
trace_high
unconverged       runs whose eigenvalues are only a lower bound
"""

import numpy as np
import pandas as pd

from nas.results import CampaignData
from nas.results.arm_runs import arm_runs, of_arm
from nas.results.arm_table import Figure, arm_table, interval, mean
from nas.results.curvature import curvatures
from nas.stats.comparison import unpaired_difference
from nas.stats.observations import Floats

THROUGH = "ratio_high"
EMPTY = "No curvature was measured yet: `nas diagnose --all --only curvature` does so."
RATIO = ("ratio", "ratio_low", "ratio_high")


def table(data: CampaignData) -> pd.DataFrame:
    runs = curvatures(data, arm_runs(data))
    rows = arm_table(data, runs, _figures(), by={"split": "str"})
    reference = data.space.reference or next(iter(data.space.arms), "")
    ratios = [
        _ratio(_logs(runs, arm, variant, split), _logs(runs, reference, "", split))
        if arm != reference
        else (np.nan, np.nan, np.nan)
        for arm, variant, split in zip(rows["arm"], rows["variant"], rows["split"], strict=True)
    ]
    for at, name in enumerate(RATIO):
        place = rows.columns.get_loc("trace")
        rows.insert(place, name, pd.Series([r[at] for r in ratios], dtype="float64"))  # type: ignore[arg-type]
    return rows


def _figures() -> dict[str, Figure]:
    found: dict[str, Figure] = {}
    for name in ("eigenvalue", "trace"):
        found |= {name: mean(name), **interval(name)}
    return found | {
        "unconverged": Figure(lambda runs: int((runs["converged"] == 0).sum()), "Int64")
    }


def _logs(runs: pd.DataFrame, arm: str, variant: str, split: str) -> Floats:
    """Logarithms of an arm's eigenvalues, those that are positive."""
    mine = of_arm(runs, arm, variant)
    values = mine.loc[mine["split"] == split, "eigenvalue"].to_numpy(dtype="float64")
    return np.asarray(np.log(values[values > 0]))


def _ratio(a: Floats, b: Floats) -> tuple[float, float, float]:
    found = unpaired_difference(a, b)
    mean, low, high = np.exp([found.mean, found.low, found.high]).tolist()
    return mean, low, high
