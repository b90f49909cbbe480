"""Removing a campaign: its rows, and its files beside the ledger."""

import shutil
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import CompoundSelect, Select, delete, select
from sqlalchemy.orm import Session

from nas.files import unused_name
from nas.ledger import models as m
from nas.ledger.campaign_list import folder_bytes, folders_of
from nas.ledger.drivers import is_running
from nas.ledger.ledger import Ledger
from nas.ledger.records import CampaignRecord, campaign_record
from nas.schema import ProblemError, UsageError


@dataclass(frozen=True)
class Removal:
    """What removing a campaign takes away, or took."""

    campaign: str
    candidates: int
    bytes: int


def planned_removal(ledger: Ledger, name: str) -> Removal:
    """What `remove_campaign` would take away; raises as it does."""
    row = ledger.campaign(name)
    with ledger.session() as session:
        _check(ledger, session, row)
        candidates = len(session.scalars(_candidates(row.id)).all())
        size = sum(map(folder_bytes, folders_of(ledger, session, row)))
        return Removal(row.name, candidates, size)


def remove_campaign(ledger: Ledger, name: str) -> Removal:
    """Removes a campaign's rows and files; what other campaigns use stays.

    Raises ProblemError for one that runs, and for a bank that another campaign's experts come from.
    """
    row = ledger.campaign(name)
    aside: list[tuple[Path, Path]] = []
    try:
        with ledger.session() as session:
            _check(ledger, session, row)
            candidates = len(session.scalars(_candidates(row.id)).all())
            # Out of the way first: SQLite may give the next campaign the same number.
            for folder in folders_of(ledger, session, row):
                if folder.is_dir():
                    away = ledger.files / unused_name()  # cleared some day if this is killed
                    folder.rename(away)
                    aside.append((folder, away))
            _delete(session, row)
    except BaseException:
        for folder, away in reversed(aside):
            with suppress(OSError):
                away.rename(folder)
        raise
    size = sum(folder_bytes(away) for _, away in aside)
    for _, away in aside:
        shutil.rmtree(away, ignore_errors=True)
    return Removal(name, candidates, size)


def _check(ledger: Ledger, session: Session, row: CampaignRecord) -> None:
    if is_running(session, row):
        raise ProblemError(
            f"{row.name} is running", where=ledger.place, fix="stop it first: Ctrl-C where it runs"
        )
    for found in session.scalars(select(m.Campaign).where(m.Campaign.id != row.id)):
        other = campaign_record(found)
        if row.config.bank and other.config.experts == row.name:
            raise UsageError(
                f"the experts of {other.name} come from {row.name}",
                where=ledger.place,
                fix=f"remove {other.name} first",
            )


def _candidates(campaign: int) -> Select[int]:
    return select(m.Candidate.id).where(m.Candidate.campaign_id == campaign)


def _environments() -> CompoundSelect[int]:
    """Those that something hangs on."""
    return select(m.Attempt.environment_id).union(select(m.Diagnosis.environment_id))


def _delete(session: Session, row: CampaignRecord) -> None:
    """All rows that hang on a campaign, then those of shared tables that nothing hangs on now."""
    candidates = _candidates(row.id)
    attempts = select(m.Attempt.id).where(m.Attempt.candidate_id.in_(candidates))
    for table, of in (
        (m.Epoch, m.Epoch.attempt_id.in_(attempts)),
        (m.Metrics, m.Metrics.attempt_id.in_(attempts)),
        (m.TrainingEvent, m.TrainingEvent.attempt_id.in_(attempts)),
        (m.Diagnosis, m.Diagnosis.attempt_id.in_(attempts)),
        (m.Expert, m.Expert.attempt_id.in_(attempts)),
        (m.Rung, m.Rung.candidate_id.in_(candidates)),
        (m.Attempt, m.Attempt.candidate_id.in_(candidates)),
        (m.Candidate, m.Candidate.campaign_id == row.id),
        (m.Event, m.Event.campaign_id == row.id),
        (m.Campaign, m.Campaign.id == row.id),
    ):
        session.execute(delete(table).where(of), execution_options={"synchronize_session": False})
    for ident, used in (
        (m.DatasetInfo.id, select(m.Attempt.inputs_id).where(m.Attempt.inputs_id.is_not(None))),
        (m.Environment.id, _environments()),
        (m.Dataset.id, select(m.Campaign.dataset_id).where(m.Campaign.dataset_id.is_not(None))),
    ):
        session.execute(
            delete(ident.class_).where(ident.not_in(used)),
            execution_options={"synchronize_session": False},
        )
