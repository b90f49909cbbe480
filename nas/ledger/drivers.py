"""Which drivers work on a campaign, also before and after they hold leases: in pre-flight, say."""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from nas.ledger import models as m
from nas.ledger.ledger import Ledger
from nas.ledger.owner import Owner
from nas.schema import ProblemError

ELSEWHERE_SECONDS = 3600.0
"""How long a driver on another host is believed, from its start: nobody here can see it die. Once
it holds leases, they say how it is."""


@contextmanager
def at_work(ledger: Ledger, campaign_id: int, owner: Owner) -> Iterator[None]:
    """Records, while a block runs, that a driver works on a campaign.

    What drivers left that are known to be dead is removed first.
    """
    with ledger.session() as session:
        for row in _marks(session, campaign_id):
            if _owner(row).surely_dead():
                session.delete(row)
        mark = m.Event(
            campaign_id=campaign_id, at=time.time(), kind=m.DRIVER_MARK, data={"owner": str(owner)}
        )
        session.add(mark)
        session.flush()
        ident = mark.id
    try:
        yield
    finally:
        with suppress(ProblemError):  # a lost ledger, which has said so; this process ends anyway
            with ledger.session() as session:
                session.execute(delete(m.Event).where(m.Event.id == ident))
            ledger.storage.fold_in()  # the file alone can be resumed


def drivers(session: Session, campaign_id: int) -> list[Owner]:
    """Those that say that they work on a campaign, and are not known to be dead."""
    now = time.time()
    return [
        owner
        for row in _marks(session, campaign_id)
        if (owner := _owner(row)).is_here() or abs(now - row.at) < ELSEWHERE_SECONDS
        if not owner.surely_dead()
    ]


def _marks(session: Session, campaign_id: int) -> list[m.Event]:
    query = select(m.Event).where(m.Event.campaign_id == campaign_id, m.Event.kind == m.DRIVER_MARK)
    return list(session.scalars(query))


def _owner(row: m.Event) -> Owner:
    return Owner.parse(row.data["owner"])
