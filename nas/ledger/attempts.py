"""Attempts at candidates: start, epochs, and one final outcome."""

import time
from pathlib import Path
from typing import Any

from sqlalchemy import case, func, select, update
from sqlalchemy.orm import Session

from nas.ledger import models as m
from nas.ledger.events import CampaignEvents, get_or_create
from nas.ledger.leases import LeasedCandidate, end
from nas.schema import DRIVER, WEIGHTS, Epoch, Outcome, ProblemError, Status


class Attempts(CampaignEvents):
    """The attempts of one driver. Their ids are fencing tokens."""

    def start(
        self,
        leased: LeasedCandidate,
        *,
        environment_id: int,
        device: str,
        memory_fraction: float | None,
        resumed_from: int | None,
    ) -> tuple[int, str] | None:
        """Records a new attempt; its id and its folder, relative to the ledger's files folder.

        None if the lease was lost: another driver has the candidate, or it is finished.
        """
        with self.ledger.session() as session:
            if session.get_one(m.Candidate, leased.id).owner != self.owner:
                return None
            number = len(self._attempts(session, leased.id)) + 1
            row = m.Attempt(
                candidate_id=leased.id,
                environment_id=environment_id,
                number=number,
                owner=self.owner,
                device=device,
                memory_fraction=memory_fraction,
                micro_batches=leased.micro_batches,
                resumed_from=resumed_from,
                folder="",
                started_at=time.time(),
            )
            session.add(row)
            session.flush()
            row.folder = f"{self.campaign_id}/{leased.candidate.key}/{row.id}"
            return row.id, row.folder

    def mark_started(self, attempt: int) -> None:
        """Records that a worker has started the attempt."""
        with self.ledger.session() as session:
            session.execute(
                update(m.Attempt).where(m.Attempt.id == attempt).values(begun_at=time.time())
            )

    def epoch(self, attempt: int, epoch: Epoch) -> bool:
        """Records an epoch; False if the attempt was closed by another driver."""
        with self.ledger.session() as session:
            if not session.scalar(
                select(m.Attempt.id).where(m.Attempt.id == attempt, m.Attempt.outcome.is_(None))
            ):
                return False
            figures = epoch.model_dump(exclude={"metrics", "events"})
            session.merge(m.Epoch(attempt_id=attempt, **figures))
            _add_metrics(session, attempt, epoch)
            session.add_all(
                m.TrainingEvent(attempt_id=attempt, epoch=epoch.epoch, **event.model_dump())
                for event in epoch.events
            )
            session.execute(
                update(m.Attempt).where(m.Attempt.id == attempt).values(epochs=epoch.epoch)
            )
            return True

    def finish(
        self,
        leased: LeasedCandidate,
        attempt: int,
        outcome: Outcome,
        *,
        final: bool,
        micro_batches: int = 1,
    ) -> bool:
        """Closes an attempt and, if `final`, its candidate; False if the attempt was fenced off.

        An attempt that is not final leaves its candidate open: `interrupted` frees the lease, any
        other outcome keeps it for the retry, which runs with `micro_batches`.
        """
        now = time.time()
        values = outcome.model_dump(exclude={"status", "experts", "inputs", "needs_restart"})
        # A worker that died could not report its epochs and its time.
        values["epochs"] = case(
            (m.Attempt.epochs > outcome.epochs, m.Attempt.epochs), else_=outcome.epochs
        )
        with self.ledger.session() as session:
            values["seconds"] = outcome.seconds or _trained(session, attempt)
            if outcome.inputs:
                values["inputs_id"] = get_or_create(
                    session, m.DatasetInfo, outcome.inputs.model_dump(mode="json")
                )
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
            row = session.get_one(m.Candidate, leased.id)
            if row.owner != self.owner or row.outcome is not None:
                return False  # the lease was lost before this attempt began
            row.deaths += outcome.status is Status.KILLED and not outcome.never_started
            if final:
                end(row, outcome.status, attempt, now, outcome.val_acc)
            elif outcome.status is Status.INTERRUPTED:
                row.owner = row.lease_until = None
            else:
                row.micro_batches = micro_batches
            return True

    def weight_files(self) -> list[tuple[float, Path]]:
        """(validation accuracy, weights file) of finished candidates, oldest first."""
        query = (
            select(m.Attempt.id, m.Attempt.val_acc, m.Candidate.key)
            .join(m.Candidate, m.Candidate.final_attempt == m.Attempt.id)
            .where(self._mine(), m.Attempt.weights.is_not(None))
            .order_by(m.Attempt.id)
        )
        with self.ledger.session() as session:
            rows = session.execute(query).all()
        return [
            (value or 0.0, folder / WEIGHTS)
            for attempt, value, key in rows
            if (folder := self.folder_if_ours(key, attempt))
        ]

    def attempt_files(self) -> dict[Path, str | None]:
        """Maps each attempt folder of a finished candidate to the weights file of its result;
        None for attempts that are not the final one or have no weights."""
        query = (
            select(m.Attempt.id, m.Candidate.key, m.Attempt.weights, m.Candidate.final_attempt)
            .join(m.Candidate, m.Candidate.id == m.Attempt.candidate_id)
            .where(self._mine(), m.Candidate.outcome.is_not(None))
        )
        with self.ledger.session() as session:
            rows = session.execute(query).all()
        return {
            folder: WEIGHTS if weights and attempt == final else None
            for attempt, key, weights, final in rows
            if (folder := self.folder_if_ours(key, attempt))
        }

    def folder_if_ours(self, key: str, attempt: int) -> Path | None:
        """An attempt's folder; None if a link or a damaged row leads outside the files folder. Such
        folders are left alone."""
        try:
            return self.folder(key, attempt)
        except ProblemError:
            return None


def _add_metrics(session: Session, attempt: int, epoch: Epoch) -> None:
    """One row for each split and layer."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for metric in epoch.metrics:
        rows.setdefault((metric.split, metric.layer), {})[metric.name] = metric.value
    for (split, layer), data in rows.items():
        session.merge(
            m.Metrics(attempt_id=attempt, epoch=epoch.epoch, split=split, layer=layer, data=data)
        )


def close_orphaned(session: Session, attempt: m.Attempt, last_sign: float | None) -> None:
    """Closes an attempt whose driver is gone. `last_sign` is the driver's last sign of life; if
    None, the attempt's duration is the sum of its epochs."""
    attempt.outcome = Status.KILLED
    attempt.ended_at = time.time()
    attempt.stage = DRIVER
    attempt.message = "the driver was killed, or the machine was lost"
    if attempt.begun_at is not None:
        seen = 0.0 if last_sign is None else last_sign - attempt.begun_at
        attempt.seconds = max(_trained(session, attempt.id), seen)


def _trained(session: Session, attempt: int) -> float:
    """The total seconds of an attempt's epochs."""
    recorded = select(func.sum(m.Epoch.seconds)).where(m.Epoch.attempt_id == attempt)
    return session.scalar(recorded) or 0.0
