"""Training one candidate: a rendered model, a procedure that yields epochs, clean scores.

Knows no database, no CLI and no campaign.
"""

from nas.train.faults import BuildError, NonFiniteLossError
from nas.train.procedures import Procedure, procedure, procedures
from nas.train.rendered import load_model
from nas.train.scoring import Score, score

__all__ = [
    "BuildError",
    "NonFiniteLossError",
    "Procedure",
    "Score",
    "load_model",
    "procedure",
    "procedures",
    "score",
]
