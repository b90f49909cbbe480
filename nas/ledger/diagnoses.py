"""What `nas diagnose` found, in the ledger."""

import time
from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import select

from nas.ledger import models as m
from nas.ledger.base import LedgerBase
from nas.ledger.events import get_or_create
from nas.ledger.records import DiagnosisRecord, record

Figures = Mapping[str, float | tuple[float, ...]]
"""Numbers, or several, by name."""


def put_diagnosis(
    ledger: LedgerBase,
    attempt: int,
    instrument: str,
    *,
    environment: Mapping[str, Any],
    device: str,
    seconds: float,
    figures: Figures,
    reason: str = "",
) -> None:
    """Records what an instrument found in an attempt's weights, or the reason why it does not
    apply to them. Earlier findings stay."""
    with ledger.session() as session:
        session.add(
            m.Diagnosis(
                attempt_id=attempt,
                instrument=instrument,
                made_at=time.time(),
                seconds=seconds,
                environment_id=get_or_create(session, m.Environment, dict(environment)),
                device=device,
                reason=reason,
                data=dict(figures),
            )
        )


def instruments_applied(ledger: LedgerBase, attempt: int, device: str) -> set[str]:
    """The instruments that have examined an attempt's weights on a device, `cpu` or `cuda`."""
    d = m.Diagnosis
    query = select(d.instrument).where(d.attempt_id == attempt, d.device == device)
    with ledger.session() as session:
        return set(session.scalars(query))


def latest_diagnoses(ledger: LedgerBase, attempt: int) -> tuple[DiagnosisRecord, ...]:
    """What each instrument found last in an attempt's weights, by the instruments' names."""
    d = m.Diagnosis
    query = select(d).where(d.attempt_id == attempt).order_by(d.id)
    with ledger.session() as session:
        return _latest(session.scalars(query))


def diagnoses_of_campaign(
    ledger: LedgerBase, campaign: str
) -> dict[int, tuple[DiagnosisRecord, ...]]:
    """By candidate that was examined, `latest_diagnoses` of its final attempt."""
    d, c = m.Diagnosis, m.Candidate
    query = (
        select(c.id, d)
        .join(c, c.final_attempt == d.attempt_id)
        .join(m.Campaign, m.Campaign.id == c.campaign_id)
        .where(m.Campaign.name == campaign)
        .order_by(d.id)
    )
    rows: dict[int, list[m.Diagnosis]] = {}
    with ledger.session() as session:
        for candidate, row in session.execute(query):
            rows.setdefault(candidate, []).append(row)
        return {candidate: _latest(mine) for candidate, mine in rows.items()}


def _latest(rows: Iterable[m.Diagnosis]) -> tuple[DiagnosisRecord, ...]:
    """Of each instrument the last, by the instruments' names."""
    found = {row.instrument: record(DiagnosisRecord, row) for row in rows}
    return tuple(found[name] for name in sorted(found))
