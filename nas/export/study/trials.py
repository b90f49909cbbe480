"""A campaign's candidates as Optuna's trials."""

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from nas.ledger import Ledger
from nas.schema import Space, Status
from nas.schema.visible import visible

if TYPE_CHECKING:
    import pandas as pd

OUT = "(out)"
"""The value of a family that a candidate does not hold; no timm model can be called so."""
_ATTRIBUTES = (
    *("key", "families", "members", "outcome", "attempts", "phase", "params", "macs"),
    *("stage", "message", "test_acc", "uniform_val_acc", "oracle_val_acc", "seconds"),
)


def trials_of(ledger: Ledger, campaign: str) -> list[FrozenTrial]:
    """One trial a candidate of the search, in the order of draws.

    Its value is the validation accuracy, its intermediate values those of its epochs, over resumes.
    ok is COMPLETE; pruned is PRUNED, with the accuracy it had; failures are FAIL; what has no
    result yet is RUNNING. Times are local, as Optuna's are, from the first attempt's start. User
    attributes are the columns of `ledger.candidates()` and of the attempt the result is from.
    """
    candidates = ledger.candidates(campaign)
    rows = _rows(candidates[candidates["role"] == "search"].sort_values("number"))
    attempts = {row["attempt"]: row for row in _rows(ledger.attempts(campaign))}
    curves = _curves(ledger.epochs(campaign))
    tried: dict[int, list[dict[str, Any]]] = {}
    for attempt in attempts.values():
        tried.setdefault(attempt["candidate"], []).append(attempt)
    distributions = _distributions(ledger.campaign(campaign).space)
    found = []
    for row in rows:
        own = tried.get(row["candidate"], [])
        final = _given(row["final_attempt"])
        last = attempts[final] if final is not None else own[-1] if own else None
        found.append(_trial(row, own, last, _curve(last, attempts, curves), distributions))
    return found


def _distributions(space: Space) -> dict[str, CategoricalDistribution]:
    kind = "arm" if space.arms else "family"
    found = {
        f"{kind} {name}": CategoricalDistribution([OUT, *members])
        for name, members in space.groups.items()
    }
    for choice in space.choices:
        found[f"gate_{choice.name}"] = CategoricalDistribution(choice.values)
    return found


def _trial(
    row: Mapping[str, Any],
    own: list[dict[str, Any]],
    last: Mapping[str, Any] | None,
    curve: dict[int, float],
    distributions: dict[str, CategoricalDistribution],
) -> FrozenTrial:
    held = dict(zip(row["families"].split("+"), row["members"].split("+"), strict=True))
    params = {
        name: held.get(group, OUT) if group else _choice(distribution, row[name])
        for name, distribution in distributions.items()
        for _, _, group in [name.partition(" ")]  # `family vit`, `arm dense` or `gate_width`
    }
    value = _given(row["val_acc"])
    state = _state(_given(row["outcome"]), value)
    known = {**(last or {}), **row, "seconds": sum(attempt["seconds"] for attempt in own)}
    trial = create_trial(
        state=state,
        value=value if state in (TrialState.COMPLETE, TrialState.PRUNED) else None,
        params=params,
        distributions=dict(distributions),
        intermediate_values=curve,
        user_attrs={
            name: visible(value) if isinstance(value, str) else value
            for name in _ATTRIBUTES
            if (value := _given(known.get(name))) not in (None, "")
        },
    )
    trial.datetime_start = _local(own[0]["started_at"] if own else row["drawn_at"])
    trial.datetime_complete = _local(row["finished_at"]) if state.is_finished() else None
    return trial


def _choice(distribution: CategoricalDistribution, value: Any) -> Any:
    """A frame's value as the space has it: a column of pandas makes 1 of True, and 1.0 of 1."""
    return next(known for known in distribution.choices if known == value)


def _state(outcome: str | None, value: float | None) -> TrialState:
    if outcome is None:
        return TrialState.RUNNING
    if outcome == Status.PRUNED:
        return TrialState.PRUNED
    return TrialState.COMPLETE if outcome == Status.OK and value is not None else TrialState.FAIL


def _curves(epochs: "pd.DataFrame") -> dict[int, dict[int, float]]:
    """Of every attempt, epoch → validation accuracy."""
    found: dict[int, dict[int, float]] = {}
    for attempt, epoch, value in epochs[["attempt", "epoch", "val_acc"]].itertuples(index=False):
        found.setdefault(attempt, {})[int(epoch)] = float(value)
    return found


def _curve(
    at: Mapping[str, Any] | None,
    attempts: Mapping[int, Mapping[str, Any]],
    curves: Mapping[int, dict[int, float]],
) -> dict[int, float]:
    """An attempt's epochs, and before them those of the attempts it went on from."""
    found: dict[int, float] = {}
    while at is not None:
        found = {**curves.get(at["attempt"], {}), **found}
        before = _given(at["resumed_from"])
        at = attempts.get(before) if before is not None else None
    return dict(sorted(found.items()))


def _rows(frame: "pd.DataFrame") -> list[dict[str, Any]]:
    return cast("list[dict[str, Any]]", frame.to_dict("records"))


def _given(value: Any) -> Any:
    """A frame's value in plain Python; None for what is missing."""
    import pandas as pd

    if value is None or value is pd.NA or value is pd.NaT:
        return None
    value = value.item() if hasattr(value, "item") else value
    return None if isinstance(value, float) and math.isnan(value) else value


def _local(time: Any) -> Any:
    """A UTC timestamp as the naive local time that Optuna keeps."""
    return time.to_pydatetime().astimezone().replace(tzinfo=None)
