"""Questions to the ledger: each file of `analysis/` answers one with a DataFrame.

import nas
nas.table("family_yield", nas.Ledger("runs.db"))
"""

from nas.analyse.advice import recommended
from nas.analyse.coverage import verdict
from nas.analyse.frames import Frames
from nas.analyse.tables import answer, passed_over, question, table, tables

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
