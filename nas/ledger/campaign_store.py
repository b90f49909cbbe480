"""A running campaign's writes: leases here, new candidates in `draws`, results in `attempts`.

Several drivers may work on one campaign. A candidate belongs to the driver that holds its lease.
Every attempt's id is a fencing token: a result is accepted only while its attempt is open and has
the same owner. So nothing is recorded twice, and a driver presumed dead cannot overwrite results.
"""

import math
import time
from collections.abc import Iterable

from sqlalchemy import func, select, update

from nas.ledger import models as m
from nas.ledger.attempts import Attempts, close_orphaned
from nas.ledger.draws import Draws
from nas.ledger.leases import LeasedCandidate, lease_of, setbacks
from nas.ledger.owner import Owner, beyond
from nas.schema import Role, Status


class CampaignStore(Draws, Attempts):
    """One driver's write side of one campaign."""

    def reopen(self, keys: Iterable[str]) -> int:
        """Reopens successful candidates whose files are lost; returns how many. Their attempts
        stay, and another one follows."""
        ended = (m.Candidate.outcome == Status.OK, m.Candidate.key.in_(list(keys)))
        with self.ledger.session() as session:
            rows = session.scalars(select(m.Candidate).where(self._mine(), *ended)).all()
            for row in rows:
                row.outcome = row.val_acc = row.finished_at = row.final_attempt = None
                row.deaths = 0
                data = {"key": row.key, "family": row.families}
                event = m.Event(
                    campaign_id=self.campaign_id, at=time.time(), kind="reopened", data=data
                )
                session.add(event)
            return len(rows)

    def heartbeat(self, worked_seconds: float) -> float:
        """Extends this driver's leases and adds `worked_seconds` to the campaign's working time.
        Returns the total, other drivers' time included."""
        now = time.time()
        with self.ledger.session() as session:
            session.execute(
                update(m.Candidate)
                .where(self._mine(), m.Candidate.owner == self.owner)
                .values(lease_until=now + self.lease_seconds)
            )
            session.execute(
                update(m.Campaign)
                .where(m.Campaign.id == self.campaign_id)
                .values(worked_seconds=m.Campaign.worked_seconds + worked_seconds, heartbeat_at=now)
            )
            return session.get_one(m.Campaign, self.campaign_id).worked_seconds

    def reclaim(
        self, *, only: Role | None = None, results: float = math.inf
    ) -> LeasedCandidate | None:
        """Leases an open candidate that nobody holds: its driver ended, died or lost the lease.

        A running attempt is recorded as `killed`, which does not count as a death of the
        candidate: power cuts say nothing about it. But a candidate that crashes its driver looks
        the same. So after n ≥ 2 setbacks in a row it waits until this driver has 2ⁿ `results`, and
        the campaign makes progress in any case. `only` restricts the search to one role.
        """
        now = time.time()
        with self.ledger.session() as session:
            wanted = [self._mine(), self._open()]
            if only is not None:
                wanted.append(m.Candidate.role == only)
            for row in session.scalars(select(m.Candidate).where(*wanted).order_by(m.Candidate.id)):
                if row.owner == self.owner or self._held(row, now):
                    continue
                attempts = self._attempts(session, row.id)
                if attempts and attempts[0].outcome is None:
                    close_orphaned(session, attempts[0], self._last_sign(row, now))
                row.owner = row.lease_until = None
                lost = setbacks(attempts)
                if lost > 1 and results < 2**lost:
                    continue
                row.owner = self.owner
                row.lease_until = now + self.lease_seconds
                return lease_of(row, attempts)
        return None

    def _last_sign(self, row: m.Candidate, now: float) -> float | None:
        """The last sign of life of the driver that held a candidate; None if unknown."""
        if row.lease_until is None or beyond(row.lease_until, now, self.lease_seconds):
            return None
        return min(now, row.lease_until - self.lease_seconds)

    def _held(self, row: m.Candidate, now: float) -> bool:
        if row.owner is None or row.lease_until is None or row.lease_until < now:
            return False
        return not (
            beyond(row.lease_until, now, self.lease_seconds) or Owner.parse(row.owner).surely_dead()
        )

    def open_candidates(self) -> int:
        """Candidates without a final result."""
        with self.ledger.session() as session:
            query = select(func.count()).select_from(m.Candidate).where(self._mine(), self._open())
            return session.scalar(query) or 0

    def open_elsewhere(self, only: Role | None = None) -> int:
        """Open candidates that other drivers hold, of one role or of all."""
        wanted = [self._mine(), self._open()]
        if only is not None:
            wanted.append(m.Candidate.role == only)
        with self.ledger.session() as session:
            rows = session.scalars(select(m.Candidate).where(*wanted))
            now = time.time()
            return sum(r.owner != self.owner and self._held(r, now) for r in rows)

    def let_go(self, leased: LeasedCandidate) -> bool:
        """Gives up one lease, so that any driver can take the candidate; False if another driver
        has it by now, or it is finished."""
        with self.ledger.session() as session:
            row = session.get(m.Candidate, leased.id)
            if row is None or row.owner != self.owner or row.outcome is not None:
                return False
            row.owner = row.lease_until = None
            return True

    def release_all(self) -> None:
        """Gives up every lease of this driver, so that others can continue at once."""
        with self.ledger.session() as session:
            session.execute(
                update(m.Candidate)
                .where(self._mine(), m.Candidate.owner == self.owner)
                .values(owner=None, lease_until=None)
            )
