"""What does inference cost, against the reference arm?

From the latest findings of the instrument `latency`: `nas diagnose --all --only latency` makes them
for all candidates whose weights are kept. One row for each arm, variant and batch size; an arm with
several variants also has rows for all of them together. Means and standard deviations (n − 1) are
over runs; a run's own time is the median of repeated forward passes. The second table of
mirkzx04/Positional_Convolution_Experts.

arm                   the arm
variant               one of its variants; empty for all of them together
device                cpu or cuda; a CPU has one thread
batch                 images in a forward pass
runs                  number of runs with a finding
mean_test_acc         test accuracy of these runs
median_ms             milliseconds of a forward pass
sd_median_ms
images_per_s          images a second
slowdown              median_ms over that of the reference arm, at the same batch on the same device
params                number of parameters
macs                  multiply-accumulate operations of one image's forward pass
"""

import pandas as pd

from nas.results import CampaignData
from nas.results.arm_runs import arm_rows, arm_runs, of_arm, only_value

KINDS = {
    **dict.fromkeys(("arm", "variant", "device"), "str"),
    **dict.fromkeys(("batch", "runs"), "int64"),
    **dict.fromkeys(
        ("mean_test_acc", "median_ms", "sd_median_ms", "images_per_s", "slowdown"), "float64"
    ),
    **dict.fromkeys(("params", "macs"), "Int64"),
}
NONE = "No latency was measured yet: `nas diagnose --all --only latency` does so."


def table(data: CampaignData) -> pd.DataFrame:
    runs = arm_runs(data)
    times = _times(data.diagnostics)
    runs = runs.merge(times, on="attempt", suffixes=("", "_of_finding"))
    rows = []
    for arm, variant in arm_rows(data.space):
        mine = of_arm(runs, arm, variant)
        for (device, batch), some in mine.groupby(["device_of_finding", "batch"]):
            rows.append(
                {
                    "arm": arm,
                    "variant": variant,
                    "device": device,
                    "batch": batch,
                    "runs": len(some),
                    "mean_test_acc": some["test_acc"].mean(),
                    "median_ms": some["median_ms"].mean(),
                    "sd_median_ms": some["median_ms"].std(),
                    "images_per_s": some["images_per_s"].mean(),
                    "params": only_value(some["params"]),
                    "macs": only_value(some["macs"]),
                }
            )
    frame = pd.DataFrame(rows, columns=list(KINDS)).astype(KINDS)
    reference = data.space.reference or next(iter(data.space.arms), "")
    of_reference = frame[(frame["arm"] == reference) & (frame["variant"] == "")]
    base = of_reference.set_index(["device", "batch"])["median_ms"]
    keys = pd.MultiIndex.from_frame(frame[["device", "batch"]])
    frame["slowdown"] = frame["median_ms"] / base.reindex(keys).to_numpy()
    frame.attrs["empty"] = NONE
    return frame


def _times(rows: pd.DataFrame) -> pd.DataFrame:
    """`attempt`, `device`, `batch`, `median_ms` and `images_per_s` of each attempt's latest finding
    on each device."""
    rows = rows[(rows["instrument"] == "latency") & rows["metric"].notna()]
    rows = rows[rows["made_at"] == rows.groupby(["attempt", "device"])["made_at"].transform("max")]
    named = rows["metric"].str.extract(r"^batch_(?P<batch>\d+)\.(?P<figure>\w+)$")
    wide = rows.assign(**named).pivot_table(
        index=["attempt", "device", "batch"], columns="figure", values="value"
    )
    wide = wide.rename_axis(columns=None).reset_index()
    wide = wide.reindex(columns=["attempt", "device", "batch", "median_ms", "images_per_s"])
    return wide.astype({"batch": "int64"})
