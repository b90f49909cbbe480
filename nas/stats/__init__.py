"""Statistics: arrays in, numbers out. The audit of the draws, effects, synergies, power.

Nothing here reads a ledger or prints; `nas.results` brings the data and makes the tables.
"""

from nas.stats.advice import Advice, advise
from nas.stats.audit import ALPHA, OF_A_BANK, Audit, Draw, Verdict
from nas.stats.draw_history import audit_of, draws
from nas.stats.family_effects import FamilyEffects, family_effects
from nas.stats.level_counts import Levels
from nas.stats.martingale import Bets
from nas.stats.observations import Observations
from nas.stats.power import Detectable, detectable
from nas.stats.synergy import Synergies, synergies

__all__ = [
    "ALPHA",
    "OF_A_BANK",
    "Advice",
    "Audit",
    "Bets",
    "Detectable",
    "Draw",
    "FamilyEffects",
    "Levels",
    "Observations",
    "Synergies",
    "Verdict",
    "advise",
    "audit_of",
    "detectable",
    "draws",
    "family_effects",
    "synergies",
]
