"""Is the draw fair, and does a family fail more than the rest? Judged after every candidate."""

from nas.audit.audit import ALPHA, OF_A_BANK, Audit, Draw, Verdict
from nas.audit.bets import Bets
from nas.audit.history import audit_of, draws
from nas.audit.levels import Levels

__all__ = [
    "ALPHA",
    "OF_A_BANK",
    "Audit",
    "Bets",
    "Draw",
    "Levels",
    "Verdict",
    "audit_of",
    "draws",
]
