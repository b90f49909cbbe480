"""The loop that owns the order: propose → evaluate → record; budget, stop, resume."""

from nas.campaign.config import CampaignConfig, default_name

__all__ = ["CampaignConfig", "default_name"]
