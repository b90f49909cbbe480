"""What does each setting of an arm change, the others held equal?

One row for each setting that differs between the variants of an arm, or between the choices of
the space, with at least two of its values trained. Main effects, averaged over the other settings:
least squares over the runs of the arm (as in `arms`), with heteroscedasticity-robust (HC3) 95 %
intervals. A number with three or more values counts by its logarithm: the effect is that of
doubling it. With early stopping there are no intervals. Accuracies are shares in [0, 1], losses in
nats.

arm                   the arm
setting               the setting; recipe.NAME is a field of the recipe
step                  the change: `doubled`, or from the first value to another
runs                  number of runs
change_val_acc        change of validation accuracy
change_val_acc_low
change_val_acc_high
change_loss_gap       change of the cross-entropy on validation − on the training images, which are
                      scored with `recipe: {score_training: true}`
change_loss_gap_low
change_loss_gap_high
change_imbalance      change of max q / min q on validation, q the experts' shares of kept tokens,
                      mean over layers without dead experts
change_imbalance_low
change_imbalance_high
change_spec_entropy   change of mean H(p) / ln E on validation, p a token's router probabilities,
                      mean over layers: below 0 is sharper
change_spec_entropy_low
change_spec_entropy_high
runs_needed           about how many runs give change_val_acc an interval of ± 1.5 points
"""

from collections.abc import Iterator
from math import log2
from typing import Any

import numpy as np
import pandas as pd

from nas.results import CampaignData
from nas.results.arm_runs import arm_runs, of_arm, settings_of, with_routing
from nas.results.arm_table import noted
from nas.stats.linear import slopes
from nas.stats.observations import Floats

OUTCOMES = {
    "val_acc": "change_val_acc",
    "loss_gap": "change_loss_gap",
    "imbalance": "change_imbalance",
    "spec_entropy": "change_spec_entropy",
}
HALF_WIDTH = 0.015
KINDS = {
    "arm": "str",
    "setting": "str",
    "step": "str",
    "runs": "int64",
    **{f"{name}{end}": "float64" for name in OUTCOMES.values() for end in ("", "_low", "_high")},
    "runs_needed": "Int64",
}


def table(data: CampaignData) -> pd.DataFrame:
    runs = with_routing(data, arm_runs(data), "imbalance", "spec_entropy")
    rows = [row for arm in data.space.arms for row in _of(data, arm, of_arm(runs, arm))]
    return noted(data, pd.DataFrame(rows, columns=list(KINDS)).astype(KINDS))


def _of(data: CampaignData, arm: str, runs: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The rows of one arm."""
    known = settings_of(data.space, arm)
    settings = pd.DataFrame([known[label] for label in runs["members"]], index=runs.index)
    chosen = [name for name in runs.columns if name.startswith("gate_")]
    settings = settings.join(runs[chosen].rename(columns=lambda name: name.removeprefix("gate_")))
    columns = list(_columns(settings))
    if not columns:
        return
    design = np.column_stack([column for _, _, column in columns])
    found = {}
    for outcome in OUTCOMES:
        values = runs[outcome].to_numpy(dtype=float)
        there = np.isfinite(values)
        found[outcome] = slopes(design[there], values[there])
    for at, (setting, step, _) in enumerate(columns):
        row: dict[str, Any] = {"arm": arm, "setting": setting, "step": step, "runs": len(runs)}
        for outcome, name in OUTCOMES.items():
            slope = found[outcome][at]
            row |= {name: slope.value, f"{name}_low": slope.low, f"{name}_high": slope.high}
        row["runs_needed"] = found["val_acc"][at].results_needed(HALF_WIDTH)
        yield row


def _columns(settings: pd.DataFrame) -> Iterator[tuple[str, str, Floats]]:
    """(setting, step, column of the design) of everything that differs between runs."""
    for name in settings.columns:
        values = [value for value in settings[name].tolist() if not isinstance(value, list | dict)]
        distinct = list(dict.fromkeys(sorted(values, key=_order)))
        if len(values) < len(settings) or len(distinct) < 2:
            continue
        numeric = all(type(value) in (int, float) and value > 0 for value in distinct)
        if numeric and len(distinct) > 2:
            yield name, "doubled", np.array([log2(value) for value in values])
            continue
        first, *others = distinct
        for other in others:
            yield name, f"{first} → {other}", np.array([float(value == other) for value in values])


def _order(value: Any) -> tuple[bool, Any]:
    """Numbers by size, then words; true before false, as of something that can be left out."""
    if isinstance(value, bool):
        return False, not value
    return isinstance(value, str), value
