"""Questions to the ledger: each file of `analysis/` answers one with a DataFrame.

import nas
nas.table("family_yield", nas.Ledger("runs.db"))
"""

from nas.results.advice import recommended
from nas.results.audit import audit_result
from nas.results.campaign_data import CampaignData
from nas.results.tables import about, answer, passed_over, question, table, tables

__all__ = [
    "CampaignData",
    "about",
    "answer",
    "audit_result",
    "passed_over",
    "question",
    "recommended",
    "table",
    "tables",
]
