"""Every campaign of a ledger in a line each, for `nas list`. Free of pandas and torch."""

import os
import time
from pathlib import Path

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from nas.contained import contained
from nas.ledger import models as m
from nas.ledger.drivers import is_running
from nas.ledger.ledger import Ledger
from nas.ledger.records import CampaignRecord, campaign_record
from nas.ledger.summary import best_of
from nas.schema import Frozen

BANK = "bank"
"""The folder of the bank among a ledger's files."""


class CampaignLine(Frozen):
    """One campaign. Lengths in seconds, sizes in bytes, accuracies in [0, 1]."""

    campaign: str
    kind: str
    """search or bank."""
    state: str
    """running, stopped (resumable) or done; `interrupted` where its driver is gone."""
    space: str
    dataset: str
    candidates: int
    """With a final result; of a bank, its experts."""
    best_val_acc: float | None
    worked_seconds: float
    age_seconds: float
    """Since it was begun."""
    disk_bytes: int
    """Its checkpoints and weights; of a bank, its experts."""


def campaign_lines(ledger: Ledger) -> list[CampaignLine]:
    """All campaigns, the latest first."""
    with ledger.session() as session:
        rows = session.scalars(select(m.Campaign).order_by(m.Campaign.id.desc())).all()
        return [_line(ledger, session, campaign_record(row)) for row in rows]


def _line(ledger: Ledger, session: Session, row: CampaignRecord) -> CampaignLine:
    now = time.time()
    ended = select(func.count()).where(
        m.Candidate.campaign_id == row.id, m.Candidate.outcome.is_not(None)
    )
    best = best_of(session, row.id)
    running = is_running(session, row)
    gone = row.state == "running" and not running
    return CampaignLine(
        campaign=row.name,
        kind="bank" if row.config.bank else "search",
        state="running" if running else "interrupted" if gone else row.state,
        space=row.space.name,
        dataset=row.config.dataset,
        candidates=session.scalar(ended) or 0,
        best_val_acc=None if best is None else best.val_acc,
        worked_seconds=row.worked_seconds,
        age_seconds=max(0.0, now - row.created_at),
        disk_bytes=sum(map(folder_bytes, folders_of(ledger, session, row))),
    )


def folders_of(ledger: Ledger, session: Session, row: CampaignRecord) -> list[Path]:
    """Where a campaign's files lie: its attempts', and of a bank its experts' that no other
    campaign trains too."""
    found = [contained(ledger.files, row.id)]
    if row.config.bank:
        others = select(m.Candidate.key).where(m.Candidate.campaign_id != row.id)
        keys = session.scalars(
            select(m.Candidate.key).where(
                m.Candidate.campaign_id == row.id, m.Candidate.key.not_in(others)
            )
        )
        found += [contained(ledger.files, BANK, key) for key in keys]
    return found


def folder_bytes(folder: Path) -> int:
    """The sizes of all files below a folder; 0 where it is not there. Follows no links."""
    total = 0
    for at, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(at, name)).st_size  # noqa: PTH118
            except OSError:  # it has been removed meanwhile
                continue
    return total
