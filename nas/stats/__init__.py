"""Statistics: arrays in, numbers out. The audit of the draws, effects, synergies, power.

Nothing here reads a ledger or prints: `nas.results` reads the data and makes the tables. Accuracies
and effects are shares in [0, 1], so 0.01 is one percentage point.
"""

from nas.stats.advice import Advice, advise
from nas.stats.audit import ALPHA, NOTHING_DRAWN, Audit, AuditResult, Draw
from nas.stats.draw_history import audit_of, draws
from nas.stats.family_effects import FamilyEffects, family_effects
from nas.stats.level_counts import LevelCounts
from nas.stats.martingale import Martingale
from nas.stats.observations import Observations
from nas.stats.power import Detectable, detectable
from nas.stats.synergy import Synergies, synergies

__all__ = [
    "ALPHA",
    "NOTHING_DRAWN",
    "Advice",
    "Audit",
    "AuditResult",
    "Detectable",
    "Draw",
    "FamilyEffects",
    "LevelCounts",
    "Martingale",
    "Observations",
    "Synergies",
    "advise",
    "audit_of",
    "detectable",
    "draws",
    "family_effects",
    "synergies",
]
