"""What a candidate's card shows besides its row of the leaderboard: its members, its curves, how
it routes and what happened while it trained."""

from typing import Any

import pandas as pd

from nas.report.page.curves import epochs_of
from nas.report.page.routing import LAYER, OF_A_LAYER
from nas.report.page.serialize import Column, values
from nas.report.page.snapshot import Snapshot
from nas.results.aggregates import control_results
from nas.results.arm_runs import routing
from nas.results.training_events import training_events_of

CURVES = 500
"""Number of best candidates whose cards have curves."""

EVENTS = 12
"""Number of a training's events that its card lists."""
_EVENTS = (
    Column("epoch", "Epoch", "int"),
    Column("kind", "Event", "text"),
    Column("reason", "Reason", "text"),
)


def cards(ledger: Snapshot, campaign: str, board: pd.DataFrame, limit: int) -> dict[str, Any]:
    """`members`: by key, `[gate weight, validation accuracy inside the mixture]` of each member in
    the order of the leaderboard's `members`, for the best `limit`; `alone`: by member, validation
    accuracy of its control; `curves`: by key, `[epochs, validation accuracy, training accuracy]`
    for the best CURVES; `routing`: by key of an arm's candidate, a row of `routing_columns` for
    each layer that routes, of the last epoch on validation; `events`: by key, `rows` of
    `events_columns` for the first EVENTS of what happened in training, and how many `more` there
    are. Shares are in [0, 1]; missing values are None."""
    shown = board.head(limit)
    alone = control_results(ledger.data(campaign))
    return {
        "members": _members(ledger, campaign, shown),
        "alone": dict(zip(alone["model"], values(alone["alone_val_acc"], "percent"), strict=True)),
        "curves": _curves(ledger, campaign, shown.head(CURVES)),
        "routing_columns": [column._asdict() for column in (LAYER, *OF_A_LAYER)],
        "routing": _routing(ledger, campaign, shown),
        "events_columns": [column._asdict() for column in _EVENTS],
        "events": _events(ledger, campaign, shown),
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


def _key_of(ledger: Snapshot, campaign: str) -> "pd.Series[str]":
    rows = ledger.candidates(campaign)
    rows = rows[rows["role"] == "search"]
    return pd.Series(rows["key"].to_numpy(), index=rows["candidate"].to_numpy())
