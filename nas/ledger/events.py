"""A driver's writes about a campaign other than candidates: rungs, events, state."""

import hashlib
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session

from nas.ledger import models as m
from nas.ledger.leases import LeasedCandidate
from nas.ledger.ledger import Ledger
from nas.ledger.owner import LEASE_SECONDS, Owner
from nas.schema import DrawConstraints, Role


class CampaignEvents:
    """One driver's access to one campaign, for rungs, events and state."""

    def __init__(
        self,
        ledger: Ledger,
        campaign_id: int,
        owner: Owner,
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self.ledger = ledger
        self.campaign_id = campaign_id
        self.owner = str(owner)
        self.lease_seconds = lease_seconds

    def rung_values(self, rung: int, but: LeasedCandidate) -> list[float]:
        """Values at a rung of all candidates of this campaign's search except `but`."""
        with self.ledger.session() as session:
            return list(
                session.scalars(
                    select(m.Rung.value)
                    .join(m.Candidate, m.Candidate.id == m.Rung.candidate_id)
                    .where(
                        self._mine(),
                        m.Candidate.role == Role.SEARCH,
                        m.Candidate.id != but.id,
                        m.Rung.rung == rung,
                    )
                )
            )

    def decided(self, leased: LeasedCandidate, rung: int) -> bool | None:
        """Whether a candidate was promoted at a rung; None if it has not reached it."""
        with self.ledger.session() as session:
            row = session.get(m.Rung, (leased.id, rung))
            return None if row is None else row.promoted

    def put_rung(
        self, leased: LeasedCandidate, rung: int, epoch: int, value: float, promoted: bool
    ) -> None:
        """Records a candidate's value at a rung and whether it was promoted."""
        with self.ledger.session() as session:
            session.merge(
                m.Rung(
                    candidate_id=leased.id, rung=rung, epoch=epoch, value=value, promoted=promoted
                )
            )

    def event(self, kind: str, **data: Any) -> None:
        """Records an event of the campaign."""
        with self.ledger.session() as session:
            session.add(m.Event(campaign_id=self.campaign_id, at=time.time(), kind=kind, data=data))

    def events(self, kind: str) -> list[dict[str, Any]]:
        """Data of all events of one kind, oldest first."""
        with self.ledger.session() as session:
            return self._events(session, kind)

    def begin_phase(self, constraints: DrawConstraints) -> int:
        """The number of the phase with these draw constraints. It is the last phase's if the
        constraints are unchanged; otherwise a new phase is recorded with the draws before it."""
        with self.ledger.session() as session:
            past = self._events(session, "phase")
            number = phase_of(past, constraints)
            if number < len(past):
                return number
            drawn = session.scalar(
                select(func.count())
                .select_from(m.Candidate)
                .where(self._mine(), m.Candidate.role == Role.SEARCH)
            )
            data = {"number": number, "drawn": drawn, "plan": constraints.model_dump(mode="json")}
            session.add(
                m.Event(campaign_id=self.campaign_id, at=time.time(), kind="phase", data=data)
            )
            return number

    def set_state(self, state: str) -> None:
        """Sets `running`, `stopped` or `done`; also counts as a sign of life."""
        with self.ledger.session() as session:
            row = session.get_one(m.Campaign, self.campaign_id)
            row.state, row.heartbeat_at = state, time.time()

    def environment(self, data: dict[str, Any]) -> int:
        """The id of an environment; it is recorded only once."""
        with self.ledger.session() as session:
            return get_or_create(session, m.Environment, data)

    def _events(self, session: Session, kind: str) -> list[dict[str, Any]]:
        query = select(m.Event.data).where(
            m.Event.campaign_id == self.campaign_id, m.Event.kind == kind
        )
        return list(session.scalars(query.order_by(m.Event.id)))

    def folder(self, key: str, attempt: int) -> Path:
        """An attempt's folder, computed from its ids and not read from a row: see
        `Ledger.attempt_folder`."""
        return self.ledger.attempt_folder(self.campaign_id, key, attempt)

    def _mine(self) -> ColumnElement[bool]:
        return m.Candidate.campaign_id == self.campaign_id

    @staticmethod
    def _open() -> ColumnElement[bool]:
        return m.Candidate.outcome.is_(None)

    @staticmethod
    def _attempts(session: Session, candidate_id: int) -> Sequence[m.Attempt]:
        """Newest first."""
        return session.scalars(
            select(m.Attempt)
            .where(m.Attempt.candidate_id == candidate_id)
            .order_by(m.Attempt.id.desc())
        ).all()


def phase_of(past: Sequence[dict[str, Any]], constraints: DrawConstraints) -> int:
    """The number of the phase with these draw constraints, given the past phases: the last one's
    if the constraints are unchanged, otherwise the next."""
    same = past and past[-1]["plan"] == constraints.model_dump(mode="json")
    return len(past) - 1 if same else len(past)


def get_or_create(
    session: Session, table: type[m.Environment] | type[m.DatasetInfo], data: dict[str, Any]
) -> int:
    """The id of the row with this data, added if there is none."""
    digest = hashlib.sha256(json.dumps(data, sort_keys=True).encode()).hexdigest()
    found = session.scalar(select(table.id).where(table.digest == digest))
    if found is not None:
        return found
    row = table(digest=digest, data=data)
    session.add(row)
    session.flush()
    return row.id
