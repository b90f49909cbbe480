"""Questions to the ledger: each file of `analysis/` answers one with a DataFrame.

import nas
nas.table("family_yield", nas.Ledger("runs.db"))
"""

from nas.results.advice import recommended
from nas.results.campaign_data import Frames
from nas.results.coverage import verdict
from nas.results.tables import answer, passed_over, question, table, tables

__all__ = [
    "Frames",
    "answer",
    "passed_over",
    "question",
    "recommended",
    "table",
    "tables",
    "verdict",
]
