"""What does inference cost, against the reference arm?

From the latest findings of the instrument `latency`: `nas diagnose --all --only latency` makes them
for all candidates whose weights are kept. One row for each arm, variant, environment, device and
batch size; an arm with several variants also has rows for all of them together. Runs, means and
standard deviations are as in `arms`; a run's own time is the median of repeated forward passes. The
second table of mirkzx04/Positional_Convolution_Experts.

arm                   the arm
variant               one of its variants; empty for all of them together
batch                 images in a forward pass
median_ms             milliseconds of a forward pass
slowdown              median_ms over that of the reference arm, at the same batch on the same device
                      in the same environment
device                cpu or cuda; a CPU has one thread
sd_median_ms
images_per_s          images a second
runs                  number of runs with a finding
mean_test_acc         test accuracy of these runs
environment           number of the record of machine and versions that it was measured with
machine               of that record: the GPUs, or the system and the number of its CPUs
params                number of parameters
macs                  multiply-accumulate operations of one image's forward pass, as executed
"""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nas.ledger.sources import environment
from nas.results import CampaignData
from nas.results.arm_runs import arm_runs
from nas.results.arm_table import arm_table, mean, sd, shared

PLACE = {"environment": "int64", "machine": "str", "device": "str", "batch": "int64"}
"""Times are compared within one of these."""
FIGURES = {
    "mean_test_acc": mean("test_acc"),
    "median_ms": mean("median_ms"),
    "sd_median_ms": sd("median_ms"),
    "images_per_s": mean("images_per_s"),
    "params": shared("params"),
    "macs": shared("macs"),
}
ORDER = [
    *("arm", "variant", "batch", "median_ms", "slowdown", "device", "sd_median_ms", "images_per_s"),
    *("runs", "mean_test_acc", "environment", "machine", "params", "macs"),
]
EMPTY = "No latency was measured yet: `nas diagnose --all --only latency` does so."


def table(data: CampaignData) -> pd.DataFrame:
    runs = arm_runs(data).drop(columns=["environment", "device"])  # of training
    frame = arm_table(data, runs.merge(_times(data), on="attempt"), FIGURES, by=PLACE)
    reference = data.space.reference or next(iter(data.space.arms), "")
    of_reference = frame[(frame["arm"] == reference) & (frame["variant"] == "")]
    base = of_reference.set_index(list(PLACE))["median_ms"]
    slowdown = frame["median_ms"] / base.reindex(pd.MultiIndex.from_frame(frame[[*PLACE]])).array
    frame["slowdown"] = slowdown
    made = frame[ORDER]
    made.attrs = frame.attrs
    return made


def _times(data: CampaignData) -> pd.DataFrame:
    """`attempt`, the columns of PLACE, `median_ms` and `images_per_s` of each attempt's latest
    finding on each device of each environment."""
    rows = data.diagnostics
    rows = rows[(rows["instrument"] == "latency") & rows["metric"].notna()]
    where = ["attempt", "environment", "device"]
    rows = rows[rows["made_at"] == rows.groupby(where)["made_at"].transform("max")]
    named = rows["metric"].str.extract(r"^batch_(?P<batch>\d+)\.(?P<figure>\w+)$").dropna()
    wide = (  # of the whole model alone: its parts' figures have longer names
        rows.loc[named.index]
        .assign(**named)
        .astype({"batch": "int64"})
        .pivot_table(index=[*where, "batch"], columns="figure", values="value")
    )
    wide = wide.rename_axis(columns=None).reset_index()
    machines = {at: environment(data.ledger, at) for at in wide["environment"].unique().tolist()}
    wide["machine"] = [
        _machine(machines[at], device)
        for at, device in zip(wide["environment"], wide["device"], strict=True)
    ]
    wide = wide.reindex(columns=["attempt", *PLACE, "median_ms", "images_per_s"])
    return wide.astype(PLACE)


def _machine(record: Mapping[str, Any], device: str) -> str:
    if device == "cpu":
        system, _, _ = record.get("platform", "?").partition("-")
        return f"{system}, {record.get('cpus', '?')} CPUs"
    return ", ".join(sorted(set(record.get("gpus", [])))) or "?"
