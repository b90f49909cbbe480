"""Which drivers are running a campaign: by their leases, by its heartbeat, and by a mark that each
sets before it has either, in pre-flight."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from nas.ledger import models as m
from nas.ledger.ledger import Ledger
from nas.ledger.owner import Owner, beyond
from nas.ledger.records import CampaignRecord
from nas.schema import ProblemError

ELSEWHERE_SECONDS = 3600.0
"""How long the mark of a driver on another host counts, if no heartbeat follows it: this host
cannot see whether that driver lives."""
SILENCE_SECONDS = 60.0
"""A driver without a sign of life for this long is presumed dead; as long as a lease."""


@contextmanager
def at_work(ledger: Ledger, campaign_id: int, owner: Owner) -> Iterator[None]:
    """Marks a campaign as being run by this driver, while a block runs.

    Deletes the marks of drivers that are dead, first.
    """
    with ledger.session() as session:
        heartbeat = session.scalar(
            select(m.Campaign.heartbeat_at).where(m.Campaign.id == campaign_id)
        )
        for mark in _marks(session, campaign_id):
            if not _counts(mark, heartbeat):
                session.delete(mark)
        made = m.Event(
            campaign_id=campaign_id, at=time.time(), kind=m.DRIVER_MARK, data={"owner": str(owner)}
        )
        session.add(made)
        session.flush()
        ident = made.id
    try:
        yield
    finally:
        with suppress(ProblemError):  # a lost ledger, which was reported; this process ends anyway
            with ledger.session() as session:
                session.execute(delete(m.Event).where(m.Event.id == ident))
            ledger.storage.fold_in()  # the file alone can be resumed


def is_running(session: Session, row: CampaignRecord) -> bool:
    """Whether a driver runs a campaign now, as far as the ledger knows."""
    if any(_counts(mark, row.heartbeat_at) for mark in _marks(session, row.id)):
        return True
    if row.state != "running":
        return False
    leases = _leases(session, row.id)
    now = time.time()
    valid = [owner for owner, until in leases if now <= until and not beyond(until, now)]
    if valid:
        return not all(Owner.parse(owner).surely_dead() for owner in valid)
    silent = silent_seconds(row)
    return silent is not None and silent <= SILENCE_SECONDS and not leases


def running_campaign(ledger: Ledger) -> str | None:
    """A campaign that is running, be it in pre-flight; None if there is none."""
    rows = [ledger.campaign(name) for name in ledger.campaign_names()]
    with ledger.session() as session:
        return next((row.name for row in rows if is_running(session, row)), None)


def silent_seconds(row: CampaignRecord) -> float | None:
    """Seconds since a campaign's last heartbeat; None before the first."""
    return None if row.heartbeat_at is None else max(0.0, time.time() - row.heartbeat_at)


def _marks(session: Session, campaign_id: int) -> list[m.Event]:
    query = select(m.Event).where(m.Event.campaign_id == campaign_id, m.Event.kind == m.DRIVER_MARK)
    return list(session.scalars(query))


def _counts(mark: m.Event, heartbeat: float | None) -> bool:
    """Whether a mark's driver is taken to be alive. Where that cannot be seen, a heartbeat since
    then tells more than the mark."""
    owner = Owner.parse(mark.data["owner"])
    if owner.is_here():
        return not owner.surely_dead()
    recent = abs(time.time() - mark.at) < ELSEWHERE_SECONDS
    return recent and (heartbeat is None or heartbeat < mark.at)


def _leases(session: Session, campaign_id: int) -> list[tuple[str, float]]:
    """(driver, end of its last lease) for open candidates."""
    c = m.Candidate
    rows = session.execute(
        select(c.owner, func.max(c.lease_until))
        .where(c.campaign_id == campaign_id, c.outcome.is_(None), c.owner.is_not(None))
        .group_by(c.owner)
    )
    return [(owner, until or 0.0) for owner, until in rows if owner is not None]
