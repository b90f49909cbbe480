"""What a running campaign writes: draws, attempts, epochs, results, leases.

Several drivers may work on one campaign. A candidate belongs to the driver that holds its lease;
every attempt's id is a fencing token: a result is taken only while its attempt is still open and
still its owner's, so nothing is recorded twice and a driver thought dead cannot overwrite.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, case, func, or_, select, update
from sqlalchemy.orm import Session

from nas.ledger import models as m
from nas.ledger.ledger import Ledger
from nas.ledger.owner import Owner
from nas.spec import Assignment, Candidate, Cost, Epoch, Outcome, Pick, Record, Role, Status


@dataclass(frozen=True)
class Drawn:
    """A candidate on its way into the ledger."""

    candidate: Candidate
    code: str
    cost: Cost | None = None
    phase: int = 0


@dataclass(frozen=True)
class Earlier:
    """A previous attempt at a candidate, whose checkpoint may be gone on from."""

    attempt: int
    folder: str


@dataclass(frozen=True)
class Claim:
    """A candidate this driver holds the lease of."""

    id: int
    role: Role
    number: int
    candidate: Candidate
    code: str
    cost: Cost | None
    micro_batches: int = 1
    deaths: int = 0
    earlier: tuple[Earlier, ...] = field(default=())
    """Newest first."""


class CampaignStore:
    """One driver's write side of one campaign."""

    def __init__(
        self, ledger: Ledger, campaign_id: int, owner: Owner, *, lease_seconds: float = 60.0
    ) -> None:
        self.ledger = ledger
        self.campaign_id = campaign_id
        self.owner = str(owner)
        self.lease_seconds = lease_seconds
        self._records: list[Record] = []
        self._seen_until = 0.0

    # Drawing

    def draw(
        self, propose: Callable[[Sequence[Record]], Drawn | None], *, limit: int | None = None
    ) -> Claim | None:
        """Adds and leases the next candidate of the search, in one transaction.

        `propose` sees every record drawn so far, other drivers' too. None when the limit is
        reached or `propose` has nothing left.
        """
        with self.ledger.session() as session:
            records = self._refresh(session)
            if limit is not None and len(records) >= limit:
                return None
            drawn = propose(records)
            if drawn is None:
                return None
            return self._insert(session, Role.SEARCH, len(records), drawn)

    def add(self, role: Role, drawn: Drawn) -> Claim | None:
        """Adds and leases a control; None if the campaign has that candidate already."""
        with self.ledger.session() as session:
            return self._add(session, role, drawn)

    def plan(self, role: Role, drawn: Iterable[Drawn]) -> int:
        """Adds candidates for any driver to take up later; how many the campaign had not."""
        with self.ledger.session() as session:
            new = [claim for d in drawn if (claim := self._add(session, role, d))]
            for claim in new:
                row = session.get_one(m.Candidate, claim.id)
                row.owner = row.lease_until = None
            return len(new)

    def _add(self, session: Session, role: Role, drawn: Drawn) -> Claim | None:
        mine = self._mine()
        if session.scalar(
            select(m.Candidate.id).where(mine, m.Candidate.key == drawn.candidate.key)
        ):
            return None
        number = session.scalar(
            select(func.count()).select_from(m.Candidate).where(mine, m.Candidate.role == role)
        )
        return self._insert(session, role, number or 0, drawn)

    def _insert(self, session: Session, role: Role, number: int, drawn: Drawn) -> Claim:
        now = time.time()
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
            memory_bytes=cost.memory_bytes if cost else None,
            drawn_at=now,
            owner=self.owner,
            lease_until=now + self.lease_seconds,
        )
        session.add(row)
        session.flush()
        return _claim(row)

    def records(self) -> list[Record]:
        """Every drawn candidate of the search so far, in order."""
        with self.ledger.session() as session:
            return list(self._refresh(session))

    def _refresh(self, session: Session) -> list[Record]:
        """Reads what is new: draws since the last look, and results since a little before it."""
        row = m.Candidate
        columns = select(row.number, row.spec, row.phase, row.outcome, row.val_acc, row.finished_at)
        mine = (row.campaign_id == self.campaign_id, row.role == Role.SEARCH)
        known = len(self._records)
        slack = 60.0  # another driver's clock, and transactions that were open meanwhile
        for number, spec, phase, outcome, value, finished_at in session.execute(
            columns.where(
                *mine, or_(row.number >= known, row.finished_at >= self._seen_until - slack)
            ).order_by(row.number)
        ):
            status = Status(outcome) if outcome else None
            self._seen_until = max(self._seen_until, finished_at or 0.0)
            if number < known:
                old = self._records[number]
                self._records[number] = Record(number, old.assignment, old.phase, status, value)
            else:
                assignment = _assignment(spec)
                self._records.append(Record(number, assignment, phase, status, value))
        return self._records

    def controls(self) -> set[Pick]:
        """Members that have a control in this campaign, finished or not."""
        with self.ledger.session() as session:
            specs = session.scalars(
                select(m.Candidate.spec).where(self._mine(), m.Candidate.role == Role.CONTROL)
            )
            return {_assignment(spec).picks[0] for spec in specs}

    def leaders(self, top: int) -> list[Drawn]:
        """The search's best finished candidates by validation accuracy, best first."""
        query = (
            select(m.Candidate)
            .where(self._mine(), m.Candidate.role == Role.SEARCH, m.Candidate.outcome == Status.OK)
            .order_by(m.Candidate.val_acc.desc(), m.Candidate.number)
            .limit(top)
        )
        with self.ledger.session() as session:
            return [
                Drawn(Candidate.model_validate(row.spec), row.code, _cost(row))
                for row in session.scalars(query)
            ]

    def weight_files(self) -> list[tuple[float, Path]]:
        """(validation accuracy, weights file) of finished candidates, oldest first."""
        query = (
            select(m.Attempt.val_acc, m.Attempt.folder, m.Attempt.weights)
            .join(m.Candidate, m.Candidate.final_attempt == m.Attempt.id)
            .where(self._mine(), m.Attempt.weights.is_not(None))
            .order_by(m.Attempt.id)
        )
        with self.ledger.session() as session:
            return [
                (value or 0.0, self.ledger.files / folder / name)
                for value, folder, name in session.execute(query)
                if name
            ]

    # Leases

    def heartbeat(self, worked_seconds: float) -> None:
        """Extends this driver's leases and adds to the campaign's working time."""
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

    def reclaim(self, *, max_deaths: int) -> Claim | None:
        """Leases an open candidate that nobody holds: its driver ended, died or lost it.

        An attempt that was running is recorded `killed`; a candidate whose attempts died more
        than `max_deaths` times ends `killed`, and the next one is looked at.
        """
        now = time.time()
        with self.ledger.session() as session:
            rows = session.scalars(
                select(m.Candidate).where(self._mine(), self._open()).order_by(m.Candidate.id)
            )
            for row in rows:
                if row.owner == self.owner or self._held(row, now):
                    continue
                killed = session.execute(
                    update(m.Attempt)
                    .where(m.Attempt.candidate_id == row.id, m.Attempt.outcome.is_(None))
                    .values(
                        outcome=Status.KILLED,
                        ended_at=now,
                        seconds=_recorded_seconds(),
                        stage="train",
                        message="the driver that ran this attempt is gone",
                    )
                )
                if killed.rowcount:  # type: ignore[attr-defined]
                    row.deaths += 1
                last = self._attempts(session, row.id)
                if row.deaths > max_deaths:
                    _end(row, Status.KILLED, last[0].id if last else None, now)
                    continue
                row.owner = self.owner
                row.lease_until = now + self.lease_seconds
                return _claim(row, last)
        return None

    @staticmethod
    def _held(row: m.Candidate, now: float) -> bool:
        if row.owner is None or row.lease_until is None or row.lease_until < now:
            return False
        return not Owner.parse(row.owner).surely_dead()

    def open_elsewhere(self) -> int:
        """Open candidates that another driver holds."""
        with self.ledger.session() as session:
            rows = session.scalars(select(m.Candidate).where(self._mine(), self._open()))
            now = time.time()
            return sum(r.owner != self.owner and self._held(r, now) for r in rows)

    # Attempts

    def start(
        self,
        claim: Claim,
        *,
        environment_id: int,
        device: str,
        memory_fraction: float | None,
        resumed_from: int | None,
    ) -> tuple[int, str] | None:
        """A new attempt's id and its own folder, relative to the ledger's files folder.

        None if the lease was lost meanwhile: the candidate is another driver's, or done.
        """
        with self.ledger.session() as session:
            if session.get_one(m.Candidate, claim.id).owner != self.owner:
                return None
            number = len(self._attempts(session, claim.id)) + 1
            row = m.Attempt(
                candidate_id=claim.id,
                environment_id=environment_id,
                number=number,
                owner=self.owner,
                device=device,
                memory_fraction=memory_fraction,
                micro_batches=claim.micro_batches,
                resumed_from=resumed_from,
                folder="",
                started_at=time.time(),
            )
            session.add(row)
            session.flush()
            row.folder = f"{self.campaign_id}/{claim.candidate.key}/{row.id}"
            return row.id, row.folder

    def epoch(self, attempt: int, epoch: Epoch) -> None:
        """Records an epoch, unless the attempt was closed by another driver."""
        with self.ledger.session() as session:
            if session.scalar(
                select(m.Attempt.id).where(m.Attempt.id == attempt, m.Attempt.outcome.is_(None))
            ):
                session.merge(m.Epoch(attempt_id=attempt, **epoch.model_dump()))
                session.execute(
                    update(m.Attempt).where(m.Attempt.id == attempt).values(epochs=epoch.epoch)
                )

    def finish(
        self, claim: Claim, attempt: int, outcome: Outcome, *, final: bool, micro_batches: int = 1
    ) -> bool:
        """Closes an attempt and, when final, its candidate; False if it was fenced off.

        An attempt that is not final leaves its candidate open: `interrupted` frees the lease,
        anything else keeps it for the retry, which runs with `micro_batches`.
        """
        now = time.time()
        values = outcome.model_dump(exclude={"status", "experts"})
        # A worker that died could not say how far and how long it ran.
        values["epochs"] = case(
            (m.Attempt.epochs > outcome.epochs, m.Attempt.epochs), else_=outcome.epochs
        )
        values["seconds"] = outcome.seconds or now - m.Attempt.started_at
        with self.ledger.session() as session:
            closed = session.execute(
                update(m.Attempt)
                .where(
                    m.Attempt.id == attempt,
                    m.Attempt.owner == self.owner,
                    m.Attempt.outcome.is_(None),
                )
                .values(outcome=outcome.status, ended_at=now, **values)
            )
            if closed.rowcount == 0:  # type: ignore[attr-defined]
                return False
            session.add_all(
                m.Expert(attempt_id=attempt, position=position, **expert.model_dump())
                for position, expert in enumerate(outcome.experts)
            )
            row = session.get_one(m.Candidate, claim.id)
            if row.owner != self.owner or row.outcome is not None:
                return False  # the lease was lost before this attempt was even begun
            if final:
                _end(row, outcome.status, attempt, now, outcome.val_acc)
            elif outcome.status is Status.INTERRUPTED:
                row.owner = row.lease_until = None
            else:
                row.micro_batches = micro_batches
                row.deaths += outcome.status is Status.KILLED
            return True

    def release_all(self) -> None:
        """Gives up every lease of this driver, so that another may go on at once."""
        with self.ledger.session() as session:
            session.execute(
                update(m.Candidate)
                .where(self._mine(), m.Candidate.owner == self.owner)
                .values(owner=None, lease_until=None)
            )

    # Early stopping, events, state

    def rung_values(self, rung: int, but: Claim) -> list[float]:
        """Values the other candidates of this campaign's search had at a rung."""
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

    def put_rung(self, claim: Claim, rung: int, epoch: int, value: float, promoted: bool) -> None:
        """Records a candidate's value at a rung and what was decided."""
        with self.ledger.session() as session:
            session.merge(
                m.Rung(
                    candidate_id=claim.id, rung=rung, epoch=epoch, value=value, promoted=promoted
                )
            )

    def event(self, kind: str, **data: Any) -> None:
        """Notes something for the campaign's owner."""
        with self.ledger.session() as session:
            session.add(m.Event(campaign_id=self.campaign_id, at=time.time(), kind=kind, data=data))

    def set_state(self, state: str) -> None:
        """`running`, `stopped` or `done`."""
        with self.ledger.session() as session:
            session.get_one(m.Campaign, self.campaign_id).state = state

    def environment(self, digest: str, data: dict[str, Any]) -> int:
        """The id of an environment, recorded once."""
        with self.ledger.session() as session:
            found = session.scalar(select(m.Environment.id).where(m.Environment.digest == digest))
            if found is not None:
                return found
            row = m.Environment(digest=digest, data=data)
            session.add(row)
            session.flush()
            return row.id

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


def _recorded_seconds() -> ScalarSelect[Any]:
    """Of an attempt that cannot tell any more: its epochs' seconds."""
    seconds = func.coalesce(func.sum(m.Epoch.seconds), 0.0)
    return select(seconds).where(m.Epoch.attempt_id == m.Attempt.id).scalar_subquery()


def _assignment(spec: dict[str, Any]) -> Assignment:
    """Straight from the JSON: thousands of rows are read when a campaign is resumed."""
    picks = [[e["family"], e["member"]["model"]] for e in spec["experts"]]
    return Assignment.from_json({"picks": picks, "choices": spec["choices"]})


def _claim(row: m.Candidate, attempts: Iterable[m.Attempt] = ()) -> Claim:
    return Claim(
        id=row.id,
        role=Role(row.role),
        number=row.number,
        candidate=Candidate.model_validate(row.spec),
        code=row.code,
        cost=_cost(row),
        micro_batches=row.micro_batches or 1,
        deaths=row.deaths or 0,
        earlier=tuple(Earlier(a.id, a.folder) for a in attempts),
    )


def _cost(row: m.Candidate) -> Cost | None:
    if row.params is None or row.macs is None:
        return None
    return Cost(params=row.params, macs=row.macs, memory_bytes=row.memory_bytes)


def _end(
    row: m.Candidate, status: Status, attempt: int | None, now: float, value: float | None = None
) -> None:
    row.outcome = status
    row.val_acc = value
    row.finished_at = now
    row.final_attempt = attempt
    row.owner = row.lease_until = None
