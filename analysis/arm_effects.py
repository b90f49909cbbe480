"""What does each setting of an arm change, the others held equal?

One row for each setting of which several values were trained within an arm: settings of its
variants, and the space's choices. A variant that leaves a setting out has its default, of the
template or the recipe. Main effects, averaged over the other settings: least squares over the runs
of the arm (as in `arms`), with heteroscedasticity-robust (HC3) 95 % intervals. A number with three
or more values, all positive, counts by its logarithm: the effect is that of doubling it. Otherwise
each value is compared with the first. An effect is missing if it cannot be told from others, and
its interval if it rests on a single run. With early stopping there are no intervals. The note names
the settings without a row. Accuracies are shares in [0, 1], losses in nats.

arm                   the arm
setting               the setting; recipe.NAME is a field of the recipe
step                  the change: `doubled`, or from the first value to another
runs                  number of the arm's runs, all of which count for change_val_acc; the other
                      effects are those of the runs that have the figure
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

from collections.abc import Iterable, Iterator, Mapping
from math import log2
from typing import Any

import numpy as np
import pandas as pd

from nas.results import CampaignData
from nas.results.arm_runs import arm_runs, of_arm, with_routing
from nas.results.arm_settings import settings_of
from nas.results.arm_table import no_gap, noted
from nas.stats.linear import slopes
from nas.stats.observations import Floats

EMPTY = "No setting of an arm was trained with several values."

OUTCOMES = {
    "val_acc": "change_val_acc",
    "loss_gap": "change_loss_gap",
    "imbalance": "change_imbalance",
    "spec_entropy": "change_spec_entropy",
}
HALF_WIDTH = 0.015
SAME = "one value"
UNSEEN = "no runs of several of its values"
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
    rows: list[dict[str, Any]] = []
    alike, without = [], []
    for arm in data.space.arms:
        settings, reasons = _settings(data, arm, of_arm(runs, arm))
        rows += _rows(arm, of_arm(runs, arm), settings)
        if set(reasons.values()) <= {SAME} and not settings:
            alike.append(arm)
            continue
        for reason in dict.fromkeys(reasons.values()):
            names = [name for name, why in reasons.items() if why == reason]
            without.append(f"{', '.join(names)} of {arm} ({reason})")
    if alike:
        without.append(f"{', '.join(alike)} ({SAME} of each setting)")
    note = f"no row for {'; '.join(without)}" if without else ""
    made = pd.DataFrame(rows, columns=list(KINDS)).astype(KINDS)
    return noted(data, made, note, no_gap(runs) if rows else "")


def _settings(
    data: CampaignData, arm: str, runs: pd.DataFrame
) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """The values of settings in each run, where they differ; and why others have no effect."""
    known = settings_of(data, arm)
    every = {
        name: [by_label[label] for label in runs["members"]]
        for name, by_label in known.values.items()
    }
    gates = [name for name in runs.columns if name.startswith("gate_")]
    every |= {name.removeprefix("gate_"): runs[name].tolist() for name in gates}
    searched = {name for name, by_label in known.values.items() if _several(by_label.values())}
    searched |= {choice.name for choice in data.space.choices if len(choice.values) > 1}
    reasons = dict(known.unknown)
    for name, values in every.items():
        if not _several(values):
            reasons[name] = UNSEEN if name in searched else SAME
        elif any(not isinstance(value, bool | int | float | str | None) for value in values):
            reasons[name] = "a ramp or a list"
    return {name: v for name, v in every.items() if name not in reasons}, reasons


def _several(values: Iterable[Any]) -> bool:
    first, *others = [*values] or [None]
    return any(value != first for value in others)


def _rows(
    arm: str, runs: pd.DataFrame, settings: Mapping[str, list[Any]]
) -> Iterator[dict[str, Any]]:
    """The rows of one arm."""
    columns = [(name, *column) for name, values in settings.items() for column in _columns(values)]
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


def _columns(values: list[Any]) -> Iterator[tuple[str, Floats]]:
    """(step, column of the design) of a setting with several values."""
    distinct = sorted(set(values), key=_order)
    numeric = all(type(value) in (int, float) and value > 0 for value in distinct)
    if numeric and len(distinct) > 2:
        yield "doubled", np.array([log2(value) for value in values])
        return
    first, *others = distinct
    for other in others:
        yield f"{first} → {other}", np.array([float(value == other) for value in values])


def _order(value: Any) -> tuple[int, Any]:
    """Nothing, truth values, numbers by size, then words; true before false, as of something that
    can be left out."""
    if value is None:
        return 0, 0
    if isinstance(value, bool):
        return 1, not value
    return 2 + isinstance(value, str), value
