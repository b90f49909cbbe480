"""The candidates of a campaign as its driver adds them: draws, controls, replacements."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import cached_property

from sqlalchemy import and_, func, or_, select
from sqlalchemy.orm import Session

from nas.ledger import models as m
from nas.ledger.events import CampaignEvents
from nas.ledger.leases import (
    LeasedCandidate,
    NewCandidate,
    assignment_of,
    candidate_of,
    cost_of,
    end,
    lease_of,
)
from nas.schema import Candidate, ExpertChoice, Record, Role, Status


class Draws(CampaignEvents):
    """The candidates that one driver adds to a campaign."""

    @cached_property
    def _records(self) -> dict[int, Record]:
        """By number, in order of drawing."""
        return {}

    def draw(
        self,
        propose: Callable[[Sequence[Record]], NewCandidate | None],
        *,
        limit: int | None = None,
    ) -> LeasedCandidate | None:
        """Adds the next candidate of the search and leases it.

        `propose` gets every record drawn so far, other drivers' included. The ledger is not locked
        while it runs; it is called again if another driver has drawn meanwhile. Returns None at
        the limit, or when `propose` has nothing left.
        """
        while True:
            records = self.records()
            if limit is not None and len(records) >= limit:
                return None
            drawn = propose(records)
            if drawn is None:
                return None
            with self.ledger.session() as session:
                if len(self._refresh(session)) == len(records):
                    return self._insert(session, Role.SEARCH, drawn)

    def add(self, role: Role, drawn: NewCandidate) -> LeasedCandidate | None:
        """Adds a candidate and leases it; None if the campaign already has it."""
        with self.ledger.session() as session:
            return self._add(session, role, drawn, lease=True)

    def plan(self, role: Role, drawn: Iterable[NewCandidate]) -> int:
        """Adds candidates for any driver to run later; returns how many were new."""
        with self.ledger.session() as session:
            added = (self._add(session, role, candidate, lease=False) for candidate in drawn)
            return sum(new is not None for new in added)

    def _add(
        self, session: Session, role: Role, drawn: NewCandidate, *, lease: bool
    ) -> LeasedCandidate | None:
        mine = self._mine()
        if session.scalar(
            select(m.Candidate.id).where(mine, m.Candidate.key == drawn.candidate.key)
        ):
            return None
        return self._insert(session, role, drawn, lease=lease)

    def _next_number(self, session: Session, role: Role) -> int:
        """One above the highest number in use; gaps stay, left by candidates of changed role."""
        last = select(func.max(m.Candidate.number)).where(self._mine(), m.Candidate.role == role)
        number = session.scalar(last)
        return 0 if number is None else number + 1

    def _insert(
        self,
        session: Session,
        role: Role,
        drawn: NewCandidate,
        number: int | None = None,
        *,
        lease: bool = True,
    ) -> LeasedCandidate:
        now = time.time()
        if number is None:
            number = self._next_number(session, role)
        cost = drawn.cost
        row = m.Candidate(
            campaign_id=self.campaign_id,
            role=role,
            number=number,
            phase=drawn.phase,
            key=drawn.candidate.key,
            families="+".join(drawn.candidate.families),
            spec=drawn.candidate.model_dump(mode="json"),
            code=drawn.code,
            params=cost.params if cost else None,
            macs=cost.macs if cost else None,
            active_macs=cost.active_macs if cost else None,
            memory_bytes=cost.memory_bytes if cost else None,
            drawn_at=now,
            owner=self.owner if lease else None,
            lease_until=now + self.lease_seconds if lease else None,
        )
        session.add(row)
        session.flush()
        return lease_of(row)

    def supersede(
        self, leased: LeasedCandidate, drawn: NewCandidate | None
    ) -> LeasedCandidate | None:
        """Closes a candidate without a result and leases its replacement, if one is given.

        The replacement is the same point rendered from the current template; it gets the same role
        and number. The closed candidate keeps its attempts but leaves the sequence of draws. If
        the campaign already has the replacement, superseded earlier, that one is reopened.
        Returns None if `drawn` is None.
        """
        now = time.time()
        with self.ledger.session() as session:
            row = session.get_one(m.Candidate, leased.id)
            role, number, phase = Role(row.role), row.number, row.phase
            row.number = self._next_number(session, Role.SUPERSEDED)
            row.role = Role.SUPERSEDED
            end(row, Status.SUPERSEDED, None, now)
            data = {"role": role, "number": number, "key": row.key}
            session.add(m.Event(campaign_id=self.campaign_id, at=now, kind="superseded", data=data))
            session.flush()
            if drawn is None:
                return None
            earlier = session.scalar(
                select(m.Candidate).where(self._mine(), m.Candidate.key == drawn.candidate.key)
            )
            if earlier is None:
                return self._insert(session, role, replace(drawn, phase=phase), number)
            attempts = self._attempts(session, earlier.id)
            earlier.role, earlier.number = role, number
            earlier.outcome = earlier.finished_at = None
            earlier.owner, earlier.lease_until = self.owner, now + self.lease_seconds
            return lease_of(earlier, attempts)

    def records(self) -> list[Record]:
        """Every candidate drawn by the search so far, in order."""
        with self.ledger.session() as session:
            return list(self._refresh(session).values())

    def _refresh(self, session: Session) -> dict[int, Record]:
        """Reads new draws, and results of candidates that were open at the last call."""
        row = m.Candidate
        known = self._records
        # By number, not by time: clocks differ, and may be set back.
        ended = and_(
            row.number.in_([number for number, record in known.items() if record.status is None]),
            row.outcome.is_not(None),
        )
        query = select(row.number, row.spec, row.phase, row.outcome, row.val_acc).where(
            self._mine(),
            row.role == Role.SEARCH,
            or_(row.number > max(known, default=-1), ended),
        )
        for number, spec, phase, outcome, value in session.execute(query.order_by(row.number)):
            old = known.get(number)
            assignment = old.assignment if old else assignment_of(spec)
            status = Status(outcome) if outcome else None
            known[number] = Record(number, assignment, old.phase if old else phase, status, value)
        return known

    def controls(self) -> set[ExpertChoice]:
        """Members that have a control in this campaign, finished or not."""
        with self.ledger.session() as session:
            specs = session.scalars(
                select(m.Candidate.spec).where(self._mine(), m.Candidate.role == Role.CONTROL)
            )
            return {assignment_of(spec).picks[0] for spec in specs}

    def replicates_due(self, replicates: int) -> list[Candidate]:
        """The repetitions that are missing of the search's successful candidates, so that each is
        trained `replicates` times: the second of all, in the order of draws, before the third."""
        if replicates == 1:
            return []
        row = m.Candidate
        with self.ledger.session() as session:
            known = set(session.scalars(select(row.key).where(self._mine())))
            rows = session.scalars(
                select(row)
                .where(self._mine(), row.role == Role.SEARCH, row.outcome == Status.OK)
                .order_by(row.number)
            )
            found = [candidate_of(row) for row in rows]
        again = (
            candidate.with_replicate(candidate.replicate + n)
            for n in range(1, replicates)
            for candidate in found
        )
        return [candidate for candidate in again if candidate.key not in known]

    def leaders(self, top: int) -> list[NewCandidate]:
        """The search's best finished candidates by validation accuracy, best first."""
        query = (
            select(m.Candidate)
            .where(self._mine(), m.Candidate.role == Role.SEARCH, m.Candidate.outcome == Status.OK)
            .order_by(m.Candidate.val_acc.desc(), m.Candidate.number)
            .limit(top)
        )
        with self.ledger.session() as session:
            return [
                NewCandidate(candidate_of(row), row.code, cost_of(row))
                for row in session.scalars(query)
            ]
