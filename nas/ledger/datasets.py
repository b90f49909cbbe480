"""What the data of a campaign were made of when it began."""

import hashlib

from sqlalchemy import select

from nas.ledger import models as m
from nas.ledger.ledger import Ledger


def manifest_of(ledger: Ledger, campaign_id: int) -> str | None:
    """The manifest that a campaign was begun with; None where none has been kept."""
    with ledger.session() as session:
        return session.scalar(
            select(m.Dataset.manifest)
            .join(m.Campaign, m.Campaign.dataset_id == m.Dataset.id)
            .where(m.Campaign.id == campaign_id)
        )


def keep_manifest(ledger: Ledger, campaign_id: int, manifest: str) -> None:
    """Keeps the first manifest that a campaign gets, and no later one."""
    digest = hashlib.sha256(manifest.encode()).hexdigest()
    with ledger.session() as session:
        campaign = session.get_one(m.Campaign, campaign_id)
        if campaign.dataset_id is not None:
            return
        row = session.scalar(select(m.Dataset).where(m.Dataset.digest == digest))
        if row is None:
            row = m.Dataset(digest=digest, manifest=manifest)
            session.add(row)
            session.flush()
        campaign.dataset_id = row.id
