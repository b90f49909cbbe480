"""What a candidate's card shows besides its row of the leaderboard: its members, its curves, how
it routes, what happened while it trained and what instruments found in it."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from nas.ledger.diagnoses import diagnoses_of_campaign
from nas.ledger.records import DiagnosisRecord
from nas.report.findings import findings
from nas.report.page.curves import epochs_of
from nas.report.page.routing import LAYER, OF_A_LAYER
from nas.report.page.serialize import Column, values
from nas.report.page.snapshot import Snapshot
from nas.results.aggregates import control_results
from nas.results.arm_runs import routing
from nas.results.training_events import training_events_of

CURVES = 500
"""Number of best candidates whose cards have curves, and the loss near their weights."""

EVENTS = 12
"""Number of a training's events that its card lists."""
_EVENTS = (
    Column("epoch", "Epoch", "int"),
    Column("kind", "Event", "text"),
    Column("reason", "Reason", "text"),
)
_FINDINGS = (
    Column("instrument", "Instrument", "text"),
    Column("figure", "Figure", "text"),
    Column("finding", "Finding", "text"),
)


def cards(ledger: Snapshot, campaign: str, board: pd.DataFrame, limit: int) -> dict[str, Any]:
    """`members`: by key, `[gate weight, validation accuracy inside the mixture]` of each member in
    the order of the leaderboard's `members`, for the best `limit`; `alone`: by member, validation
    accuracy of its control; `curves`: by key, `[epochs, validation accuracy, training accuracy]`
    for the best CURVES; `routing`: by key of an arm's candidate, a row of `routing_columns` for
    each layer that routes, of the last epoch on validation; `events`: by key, `rows` of
    `events_columns` for the first EVENTS of what happened in training, and how many `more` there
    are; `diagnoses`: by key, rows of `diagnoses_columns` of what instruments found; `surfaces`: by
    key, of the best CURVES, the loss near the weights as `_surface`. Shares are in [0, 1]; missing
    values are None."""
    shown = board.head(limit)
    alone = control_results(ledger.data(campaign))
    diagnoses = _diagnoses(ledger, campaign, shown)
    best = [key for key in shown["key"].head(CURVES) if key in diagnoses]
    return {
        "members": _members(ledger, campaign, shown),
        "alone": dict(zip(alone["model"], values(alone["alone_val_acc"], "percent"), strict=True)),
        "curves": _curves(ledger, campaign, shown.head(CURVES)),
        "routing_columns": [column._asdict() for column in (LAYER, *OF_A_LAYER)],
        "routing": _routing(ledger, campaign, shown),
        "events_columns": [column._asdict() for column in _EVENTS],
        "events": _events(ledger, campaign, shown),
        "diagnoses_columns": [column._asdict() for column in _FINDINGS],
        "diagnoses": {key: _findings(found) for key, found in diagnoses.items()},
        "surfaces": {key: found for key in best if (found := _surface(diagnoses[key]))},
    }


def _members(ledger: Snapshot, campaign: str, shown: pd.DataFrame) -> dict[str, Any]:
    inside = ledger.experts(campaign)
    inside = inside[inside["final"] & (inside["role"] == "search")]
    keys = _key_of(ledger, campaign)
    scores = zip(
        values(inside["usage"], "percent"), values(inside["val_acc"], "percent"), strict=True
    )
    of = zip(inside["candidate"].map(keys), inside["model"], strict=True)
    score_of = dict(zip(of, scores, strict=True))
    return {
        key: [score_of.get((key, model), (None, None)) for model in members.split("+")]
        for key, members in zip(shown["key"], shown["members"], strict=True)
    }


def _curves(ledger: Snapshot, campaign: str, shown: pd.DataFrame) -> dict[str, Any]:
    epochs = epochs_of(ledger, campaign)
    keys = epochs["candidate"].map(_key_of(ledger, campaign))
    epochs = epochs[keys.isin(shown["key"])].sort_values(["candidate", "epoch"])
    shares = [values(epochs[name], "percent") for name in ("val_acc", "train_acc")]
    columns = [values(epochs["epoch"]), *shares]
    lengths = epochs.groupby("candidate").size()
    ends = lengths.cumsum()
    of = zip(_key_of(ledger, campaign)[lengths.index], ends - lengths, ends, strict=True)
    return {key: [column[start:end] for column in columns] for key, start, end in of}


def _routing(ledger: Snapshot, campaign: str, shown: pd.DataFrame) -> dict[str, Any]:
    if not ledger.campaign(campaign).space.arms:  # a mixture's card has its members' gate weights
        return {}
    keys = _key_of(ledger, campaign)
    listed = keys[keys.isin(shown["key"])]
    found = routing(ledger.data(campaign), pd.DataFrame({"candidate": listed.index}))
    found = found.reindex(columns=["candidate", LAYER.name, *(c.name for c in OF_A_LAYER)])
    cells = [values(found[column.name], column.kind) for column in (LAYER, *OF_A_LAYER)]
    made: dict[str, Any] = {}
    for candidate, *row in zip(found["candidate"], *cells, strict=True):
        made.setdefault(listed[candidate], []).append(row)
    return made


def _events(ledger: Snapshot, campaign: str, shown: pd.DataFrame) -> dict[str, Any]:
    keys = _key_of(ledger, campaign)
    listed = keys[keys.isin(shown["key"])]
    found = training_events_of(ledger.data(campaign), pd.DataFrame({"candidate": listed.index}))
    made = {}
    for candidate, mine in found.groupby("candidate"):
        cells = [values(mine[column.name]) for column in _EVENTS]
        rows = [list(row) for row in zip(*cells, strict=True)]
        made[listed[candidate]] = {"rows": rows[:EVENTS], "more": max(0, len(rows) - EVENTS)}
    return made


def _diagnoses(
    ledger: Snapshot, campaign: str, shown: pd.DataFrame
) -> dict[str, tuple[DiagnosisRecord, ...]]:
    keys = _key_of(ledger, campaign)
    listed = keys[keys.isin(shown["key"])].to_dict()
    found = diagnoses_of_campaign(ledger, campaign)
    return {listed[candidate]: mine for candidate, mine in found.items() if candidate in listed}


def _findings(diagnoses: tuple[DiagnosisRecord, ...]) -> list[list[str | None]]:
    rows: list[list[str | None]] = []
    for found in diagnoses:
        if found.reason:
            rows.append([found.instrument, None, f"does not apply: {found.reason}"])
        rows.extend(list(row.values()) for row in findings(found.instrument, found.data))
    return rows


def _surface(diagnoses: tuple[DiagnosisRecord, ...]) -> dict[str, Any]:
    """What the instrument `surface` found, in nats: of `eigenvector` and `random`
    `[alphas, training losses, test losses]`, of `plane` `[alphas, training losses]`, where they
    are known; those of the plane are rows by α."""
    data = next((found.data for found in diagnoses if found.instrument == "surface"), {})
    made: dict[str, Any] = {}
    for line in ("eigenvector", "random"):
        names = (f"{line}_alphas", f"train.{line}_losses", f"test.{line}_losses")
        alphas, *losses = (_numbers(data, name) for name in names)
        if alphas and all(len(each) == len(alphas) for each in losses):
            made[line] = [alphas, *losses]
    sides, plane = _numbers(data, "plane_alphas"), _numbers(data, "train.plane_losses")
    if sides and len(plane) == len(sides) ** 2:
        rows = [plane[start : start + len(sides)] for start in range(0, len(plane), len(sides))]
        made["plane"] = [sides, rows]
    return made


def _numbers(data: Mapping[str, Any], name: str) -> list[float]:
    """Several numbers of one name, rounded; none if it has another form."""
    found = data.get(name)
    return [round(number, 6) for number in found] if isinstance(found, list) else []


def _key_of(ledger: Snapshot, campaign: str) -> "pd.Series[str]":
    rows = ledger.candidates(campaign)
    rows = rows[rows["role"] == "search"]
    return pd.Series(rows["key"].to_numpy(), index=rows["candidate"].to_numpy())
