"""The queries that the ledger's DataFrames share."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import pandas as pd
from sqlalchemy import ColumnElement, Row, Select, Text, cast, func, select, true
from sqlalchemy.orm import Session

from nas.ledger import columns as c
from nas.ledger import models as m
from nas.ledger.assignments import parsed
from nas.ledger.base import LedgerBase
from nas.ledger.bounded import CheckedJson

_SHARED: dict[str, Any] = {
    "attempt": m.Attempt.id,
    "candidate": m.Candidate.id,
    "campaign": m.Campaign.name,
    "key": m.Candidate.key,
    "role": m.Candidate.role,
    "number": m.Candidate.number,
    "phase": m.Candidate.phase,
    "families": m.Candidate.families,
    "final": func.coalesce(m.Candidate.final_attempt == m.Attempt.id, False),
}
"""The columns that all rows of an attempt share."""


def of_campaign(ledger: LedgerBase, campaign: str | None) -> ColumnElement[bool]:
    """The condition that selects a campaign's rows; ProblemError if there is no such campaign."""
    return true() if campaign is None else m.Campaign.id == ledger.campaign(campaign).id


def selected(
    table: type[m.Base], columns: Mapping[str, str], special: Mapping[str, Any]
) -> Select[Any]:
    """The named columns of a table: those of `special`, the shared ones, or the table's own."""
    known = {**_SHARED, **special}
    return select(*(known[n] if n in known else getattr(table, n) for n in columns)).select_from(
        table
    )


def in_campaign(query: Select[Any], mine: ColumnElement[bool]) -> Select[Any]:
    """The rows of a query of candidates whose campaign fulfils a condition."""
    return query.join(m.Campaign, m.Campaign.id == m.Candidate.campaign_id).where(mine)


def of_attempts(
    ledger: LedgerBase,
    campaign: str | None,
    table: "type[m.Epoch | m.Expert | m.Metrics | m.TrainingEvent | m.Diagnosis]",
    columns: Mapping[str, str],
    *order: Any,
    only: ColumnElement[bool] | None = None,
) -> pd.DataFrame:
    """The rows of a table about attempts, those that fulfil `only`."""
    mine = of_campaign(ledger, campaign)
    own = {"attempt": "int"} | {n: kind for n, kind in columns.items() if n not in _SHARED}
    common = {"attempt": "int"} | {n: kind for n, kind in columns.items() if n in _SHARED}
    # Columns shared by all rows of an attempt are read once per attempt.
    read = {n: cast(getattr(table, n), Text) for n, kind in own.items() if kind == "any"}
    special = {"attempt": table.attempt_id, "environment": getattr(table, "environment_id", None)}
    query = (
        selected(table, own, {**read, **special})
        .join(m.Attempt, m.Attempt.id == table.attempt_id)
        .join(m.Candidate, m.Candidate.id == m.Attempt.candidate_id)
        .where(true() if only is None else only)
        .order_by(table.attempt_id, *order)
    )
    of = selected(m.Attempt, common, {}).join(m.Candidate, m.Candidate.id == m.Attempt.candidate_id)
    with ledger.session() as session, gc_paused():
        frame = c.frame(plain_rows(session, in_campaign(query, mine)), own)
        shared = c.frame(plain_rows(session, in_campaign(of, mine)), common).set_index("attempt")
        for name in read:
            cells = list(parsed(frame[name].tolist()))
            kind = getattr(table, name).type
            if isinstance(kind, CheckedJson):
                for cell in cells:
                    kind.check(cell)
            frame[name] = pd.Series(cells, dtype="object")
    shared = shared.loc[frame["attempt"]].reset_index(drop=True)
    return frame.join(shared)[list(columns)]


def plain_rows(session: Session, query: Select[Any]) -> Sequence[Row[Any]]:
    """Rows of plain columns, without the ORM's overhead."""
    return session.connection().execute(query).all()


@contextmanager
def gc_paused() -> Iterator[None]:
    """Pauses garbage collection, which would scan a growing heap repeatedly: half the time.

    Rows form no cycles, so reference counting frees them.
    """
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()
