"""What a family, and a pair of families, does to accuracy: estimates, intervals, advice, power.

Pure functions of arrays; `analysis/` feeds them from the ledger.
"""

from nas.effects.advice import Advice, advise
from nas.effects.family import FamilyEffects, family_effects
from nas.effects.observations import Observations
from nas.effects.power import Detectable, detectable
from nas.effects.synergy import Synergies, synergies

__all__ = [
    "Advice",
    "Detectable",
    "FamilyEffects",
    "Observations",
    "Synergies",
    "advise",
    "detectable",
    "family_effects",
    "synergies",
]
