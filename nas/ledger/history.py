"""A campaign's draws as an audit reads them: without figures, in their order."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select

from nas.ledger import models as m
from nas.ledger.ledger import Ledger
from nas.ledger.owner import Owner
from nas.ledger.store import CampaignStore
from nas.spec import Record, Role


@dataclass(frozen=True)
class History:
    """What was drawn, what failed, and what was decided on the way."""

    records: list[Record]
    ended: list[int]
    """Numbers of the candidates with a final result, in the order in which they came to it."""
    phases: list[dict[str, Any]]
    benched: list[dict[str, Any]]
    """Events' data, oldest first."""


def history(ledger: Ledger, campaign: str | None = None) -> History:
    """A campaign's history, the latest's by default; ProblemError if there is none."""
    row = ledger.campaign(campaign)
    store = CampaignStore(ledger, row.id, Owner.me())
    with ledger.session() as session:
        ended = session.scalars(
            select(m.Candidate.number)
            .where(
                m.Candidate.campaign_id == row.id,
                m.Candidate.role == Role.SEARCH,
                m.Candidate.outcome.is_not(None),
            )
            .order_by(m.Candidate.finished_at, m.Candidate.number)
        ).all()
    records = store.records()
    return History(
        records,
        [number for number in ended if number < len(records)],
        store.events("phase"),
        store.events("benched"),
    )
