"""The ledger: the only room with SQL. Tables, migrations, and a campaign's reads and writes."""

from nas.ledger.base import check_place, profile_digest
from nas.ledger.campaign_store import CampaignStore
from nas.ledger.events import phase_of
from nas.ledger.leases import LeasedCandidate, NewCandidate, PreviousAttempt
from nas.ledger.ledger import Ledger
from nas.ledger.owner import Owner

__all__ = [
    "CampaignStore",
    "LeasedCandidate",
    "Ledger",
    "NewCandidate",
    "Owner",
    "PreviousAttempt",
    "check_place",
    "phase_of",
    "profile_digest",
]
