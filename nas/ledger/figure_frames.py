"""DataFrames whose rows have figures of any name: metrics, training events, diagnostics.

Units and identifiers are as `nas.ledger.frames` documents them.
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, func, select, tuple_
from sqlalchemy.orm import aliased

from nas.ledger import columns as c
from nas.ledger import models as m
from nas.ledger.base import LedgerBase
from nas.ledger.frame_queries import of_attempts


def metrics(
    ledger: LedgerBase,
    campaign: str | None = None,
    *,
    last_epoch: bool = False,
    names: Collection[str] | None = None,
) -> pd.DataFrame:
    """One row per metric of an epoch, in order; `nas/moe/metrics` documents each. With
    `last_epoch`, of the last epoch alone that an attempt has metrics of; only those in `names`, if
    given.

    `attempt`, `candidate`, `campaign`, `key`, `role`, `families`; `epoch`: counts from 1; `split`:
    train, as trained on, or val; `layer`: the one that routes, empty for the whole model; `metric`:
    its name; `expert`: its position from 0 where each expert has a value, else missing; `value`.
    """
    only = None
    if last_epoch:
        every = aliased(m.Metrics)
        last = select(every.attempt_id, func.max(every.epoch)).group_by(every.attempt_id)
        only = tuple_(m.Metrics.attempt_id, m.Metrics.epoch).in_(last)
    return _figures(ledger, campaign, m.Metrics, c.METRICS, "expert", only, names)


def training_events(ledger: LedgerBase, campaign: str | None = None) -> pd.DataFrame:
    """One row per event of a training, in order.

    `attempt`, `candidate`, `campaign`, `key`, `role`, `families`; `epoch`: of which it was
    reported; `step`: steps done before it, from the first epoch on; `kind`; `reason`; `data`: all
    recorded details, a dict.
    """
    return of_attempts(ledger, campaign, m.TrainingEvent, c.TRAINING_EVENTS, m.TrainingEvent.id)


def diagnostics(ledger: LedgerBase, campaign: str | None = None) -> pd.DataFrame:
    """One row per figure that an instrument of `nas diagnose` found, in the order of examination.

    `attempt`: whose weights were examined; `candidate`, `campaign`, `key`, `role`, `families`;
    `instrument`; `made_at`; `seconds` it took; `device`; `environment`: id of a record of versions;
    `reason`: why it does not apply, in one row without a figure, else empty; `metric`: the figure's
    name; `position`: from 0 where there are several of that name, else missing; `value`.
    """
    return _figures(ledger, campaign, m.Diagnosis, c.DIAGNOSTICS, "position")


def _figures(
    ledger: LedgerBase,
    campaign: str | None,
    table: "type[m.Metrics | m.Diagnosis]",
    columns: Mapping[str, str],
    position: str,
    only: ColumnElement[bool] | None = None,
    names: Collection[str] | None = None,
) -> pd.DataFrame:
    """A table with a row for every number of its `data`, or of those in `names`: columns `metric`,
    a position and `value`."""
    own = [name for name in columns if name not in ("metric", position, "value")]
    stored = {name: columns[name] for name in own} | {"data": "any"}
    order = table.__mapper__.primary_key
    rows = of_attempts(ledger, campaign, table, stored, *order, only=only)
    numbers = [
        (at, *number)
        for at, data in enumerate(rows.pop("data"))
        for number in _numbers(data, names)
    ]
    at, metrics, positions, values = zip(*numbers, strict=True) if numbers else ((),) * 4
    frame = rows.iloc[list(at)].reset_index(drop=True)
    frame["metric"] = pd.Series(metrics, dtype=c.TEXT)
    frame[position] = pd.Series(positions, dtype="Int64")
    frame["value"] = pd.Series(values, dtype="float64")
    return frame[list(columns)]


def _numbers(
    data: Mapping[str, Any], names: Collection[str] | None
) -> Iterator[tuple[str | None, int | None, float | None]]:
    """(name, position, value) of every number, or of those in `names`; one of nothing if there is
    no data."""
    for name, figure in data.items():
        if names is not None and name not in names:
            continue
        if isinstance(figure, list):
            yield from ((name, place, number) for place, number in enumerate(figure))
        else:
            yield name, None, figure
    if not data:
        yield None, None, None
