"""Optuna's rows for many trials at once.

Its tables have no public door; importing this module fails where an Optuna has them no more, and
`nas.export.study` then takes the public way, which is slower.
"""

import json
from collections.abc import Sequence
from typing import Any

from optuna.distributions import distribution_to_json
from optuna.storages._rdb.models import (
    TrialIntermediateValueModel,
    TrialModel,
    TrialParamModel,
    TrialUserAttributeModel,
    TrialValueModel,
)
from optuna.trial import FrozenTrial
from sqlalchemy import insert as insert_into
from sqlalchemy.orm import Session


def insert(rdb: Any, study_name: str, trials: Sequence[FrozenTrial]) -> None:
    """Writes trials, numbered in their order, into an empty study in one transaction."""
    study_id = rdb.get_study_id_from_name(study_name)
    with Session(rdb.engine) as session, session.begin():
        rows = [
            TrialModel(
                study_id=study_id,
                number=number,
                state=trial.state,
                datetime_start=trial.datetime_start,
                datetime_complete=trial.datetime_complete,
            )
            for number, trial in enumerate(trials)
        ]
        session.add_all(rows)
        session.flush()
        found: dict[Any, list[dict[str, Any]]] = {}
        texts: dict[int, str] = {}  # a distribution is the same object in every trial
        for row, trial in zip(rows, trials, strict=True):
            for model, cells in _parts(trial, texts):
                found.setdefault(model, []).append({"trial_id": row.trial_id, **cells})
        for model, table in found.items():
            session.execute(insert_into(model), table)


def _parts(trial: FrozenTrial, texts: dict[int, str]) -> list[tuple[Any, dict[str, Any]]]:
    """A trial's rows beside its own."""
    parts: list[tuple[Any, dict[str, Any]]] = []
    if trial.value is not None:
        value, kind = TrialValueModel.value_to_stored_repr(trial.value)
        parts.append((TrialValueModel, {"objective": 0, "value": value, "value_type": kind}))
    for name, value in trial.params.items():
        distribution = trial.distributions[name]
        if id(distribution) not in texts:
            texts[id(distribution)] = distribution_to_json(distribution)
        cells = {
            "param_name": name,
            "param_value": distribution.to_internal_repr(value),
            "distribution_json": texts[id(distribution)],
        }
        parts.append((TrialParamModel, cells))
    for key, value in trial.user_attrs.items():
        parts.append((TrialUserAttributeModel, {"key": key, "value_json": json.dumps(value)}))
    for step, reported in trial.intermediate_values.items():
        stored = TrialIntermediateValueModel.intermediate_value_to_stored_repr(reported)
        cells = dict(zip(("intermediate_value", "intermediate_value_type"), stored, strict=True))
        parts.append((TrialIntermediateValueModel, {"step": step, **cells}))
    return parts
