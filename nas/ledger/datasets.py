"""Manifests of the data that campaigns started with."""

import hashlib
from collections.abc import Collection

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from nas.ledger import models as m
from nas.ledger.ledger import Ledger
from nas.schema import campaign_config


def manifest_of(ledger: Ledger, campaign_id: int) -> str | None:
    """The manifest that a campaign started with; None if none was recorded."""
    with ledger.session() as session:
        return session.scalar(
            select(m.Dataset.manifest)
            .join(m.Campaign, m.Campaign.dataset_id == m.Dataset.id)
            .where(m.Campaign.id == campaign_id)
        )


def keep_manifest(ledger: Ledger, campaign_id: int, manifest: str) -> None:
    """Records a campaign's manifest, unless it already has one."""
    with ledger.session() as session:
        campaign = session.get_one(m.Campaign, campaign_id)
        if campaign.dataset_id is None:
            campaign.dataset_id = _kept(session, manifest)


def renew_manifest(ledger: Ledger, campaign_id: int, manifest: str) -> None:
    """Replaces a campaign's manifest by one of the same content with later file times. The old
    one is deleted if no campaign uses it any more."""
    with ledger.session() as session:
        campaign = session.get_one(m.Campaign, campaign_id)
        before, campaign.dataset_id = campaign.dataset_id, _kept(session, manifest)
        session.flush()
        if not session.scalar(select(m.Campaign.id).where(m.Campaign.dataset_id == before)):
            session.execute(delete(m.Dataset).where(m.Dataset.id == before))


def banks_of(ledger: Ledger, keys: Collection[str]) -> list[str]:
    """Names of the bank campaigns that trained experts with these keys, oldest first."""
    query = (
        select(m.Campaign)
        .where(m.Campaign.id.in_(select(m.Candidate.campaign_id).where(m.Candidate.key.in_(keys))))
        .order_by(m.Campaign.id)
    )
    with ledger.session() as session:
        return [row.name for row in session.scalars(query) if campaign_config(row.config).bank]


def _kept(session: Session, manifest: str) -> int:
    """The id of a manifest's row, added if needed."""
    digest = hashlib.sha256(manifest.encode()).hexdigest()
    row = session.scalar(select(m.Dataset).where(m.Dataset.digest == digest))
    if row is None:
        row = m.Dataset(digest=digest, manifest=manifest)
        session.add(row)
        session.flush()
    return row.id
