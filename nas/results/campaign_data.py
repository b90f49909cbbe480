"""The input of an analysis: a campaign's tables, and statistics computed from them."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from nas.results.campaign_tables import CampaignTables

if TYPE_CHECKING:
    from nas.results.observed import Observed
    from nas.stats import AuditResult


@dataclass(frozen=True)
class CampaignData(CampaignTables):
    """One campaign of a ledger. `nas.ledger.frames` documents the columns and their units."""

    @cached_property
    def observed(self) -> "Observed":
        """The data from which effects and synergies are estimated."""
        from nas.results.observed import observed

        return observed(self)

    @cached_property
    def verdict(self) -> "AuditResult":
        """Whether the draws are fair."""
        from nas.results.audit import audit_campaign

        return audit_campaign(self)
