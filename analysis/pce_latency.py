"""What does inference cost, against the reference arm?

From the latest findings of the instrument `latency`: `nas diagnose --all --only latency` makes them
for all candidates whose weights are kept. One row for each arm, variant, environment, device and
batch size; an arm with several variants also has rows for all of them together. Runs, means and
standard deviations are as in `arms`; a run's own time is the median of repeated forward passes, and
half of these passes took a time between its two quartiles. The second table of
mirkzx04/Positional_Convolution_Experts.

arm                   the arm
variant               one of its variants; empty for all of them together
batch                 images in a forward pass
median_ms             milliseconds of a forward pass
slowdown              median_ms over that of the reference arm, at the same batch on the same device
                      in the same environment
slowdown_least        quartile_1_ms over the reference arm's quartile_3_ms
slowdown_most         quartile_3_ms over the reference arm's quartile_1_ms
disturbed             whether other programs worked meanwhile: times are then too long, and slowdown
                      means little
device                cpu or cuda; a CPU has one thread
quartile_1_ms         lower quartile of the passes' milliseconds, a mean over runs
quartile_3_ms         upper quartile of them
sd_median_ms
images_per_s          images a second
other_work_share      share of the CPUs that other programs used meanwhile, the largest of the runs
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

from nas.diagnose.explaining import OTHER_WORK
from nas.ledger.sources import environment
from nas.measure.other_work import TOO_BUSY
from nas.results import CampaignData
from nas.results.arm_runs import arm_runs
from nas.results.arm_table import Figure, arm_table, mean, sd, shared

PLACE = {"environment": "int64", "machine": "str", "device": "str", "batch": "int64"}
"""Times are compared within one of these."""
MEASURED = ("median_ms", "quartile_1_ms", "quartile_3_ms", "images_per_s", OTHER_WORK)
FIGURES = {
    "mean_test_acc": mean("test_acc"),
    "median_ms": mean("median_ms"),
    "quartile_1_ms": mean("quartile_1_ms"),
    "quartile_3_ms": mean("quartile_3_ms"),
    "sd_median_ms": sd("median_ms"),
    "other_work_share": Figure(lambda runs: runs[OTHER_WORK].max()),
    "images_per_s": mean("images_per_s"),
    "params": shared("params"),
    "macs": shared("macs"),
}
RATIOS = (
    ("slowdown", "median_ms", "median_ms"),
    ("slowdown_least", "quartile_1_ms", "quartile_3_ms"),
    ("slowdown_most", "quartile_3_ms", "quartile_1_ms"),
)
"""Column, and of which time it is the ratio to which time of the reference arm."""
ORDER = [
    *("arm", "variant", "batch", "median_ms", "slowdown", "slowdown_least", "slowdown_most"),
    *("disturbed", "device", "quartile_1_ms", "quartile_3_ms", "sd_median_ms", "images_per_s"),
    *("other_work_share", "runs", "mean_test_acc", "environment", "machine", "params", "macs"),
]
EMPTY = "No latency was measured yet: `nas diagnose --all --only latency` does so."


def table(data: CampaignData) -> pd.DataFrame:
    runs = arm_runs(data).drop(columns=["environment", "device"])  # of training
    frame = arm_table(data, runs.merge(_times(data), on="attempt"), FIGURES, by=PLACE)
    reference = data.space.reference or next(iter(data.space.arms), "")
    of_reference = frame[(frame["arm"] == reference) & (frame["variant"] == "")]
    base = of_reference.set_index(list(PLACE)).reindex(pd.MultiIndex.from_frame(frame[[*PLACE]]))
    for column, time, of in RATIOS:
        frame[column] = frame[time] / base[of].array
    frame["disturbed"] = frame["other_work_share"] > TOO_BUSY
    made = frame[ORDER]
    made.attrs = frame.attrs
    return made


def _times(data: CampaignData) -> pd.DataFrame:
    """`attempt`, the columns of PLACE, times, `images_per_s` and how much other programs worked, of
    each attempt's latest finding on each device of each environment."""
    rows = data.diagnostics
    rows = rows[(rows["instrument"] == "latency") & rows["metric"].notna()]
    where = ["attempt", "environment", "device"]
    rows = rows[rows["made_at"] == rows.groupby(where)["made_at"].transform("max")]
    named = rows["metric"].str.extract(r"^batch_(?P<batch>\d+)\.(?P<figure>\w+)$").dropna()
    place = rows.loc[named.index, "position"].fillna(-1)
    named["figure"] = named["figure"].mask(place == 0, "quartile_1_ms")
    named["figure"] = named["figure"].mask(place == 2, "quartile_3_ms")
    others = rows[rows["metric"] == OTHER_WORK].set_index(where)["value"].rename(OTHER_WORK)
    wide = (  # of the whole model alone: its parts' figures have longer names
        rows.loc[named.index]
        .assign(**named)
        .astype({"batch": "int64"})
        .pivot_table(index=[*where, "batch"], columns="figure", values="value")
    )
    wide = wide.rename_axis(columns=None).reset_index().join(others, on=where)
    machines = {at: environment(data.ledger, at) for at in wide["environment"].unique().tolist()}
    wide["machine"] = [
        _machine(machines[at], device)
        for at, device in zip(wide["environment"], wide["device"], strict=True)
    ]
    wide = wide.reindex(columns=["attempt", *PLACE, *MEASURED])
    return wide.astype(PLACE)


def _machine(record: Mapping[str, Any], device: str) -> str:
    if device == "cpu":
        system, _, _ = record.get("platform", "?").partition("-")
        return f"{system}, {record.get('cpus', '?')} CPUs"
    return ", ".join(sorted(set(record.get("gpus", [])))) or "?"
