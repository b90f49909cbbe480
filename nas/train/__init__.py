"""Training one candidate: a rendered model, a procedure that yields epochs, clean scores.

Knows no database, no CLI and no campaign.
"""

from nas.faults import BuildError, NonFiniteLossError, is_accident, is_out_of_memory
from nas.train.procedures import Procedure, procedure
from nas.train.rendered import load_model
from nas.train.scoring import Score, score

__all__ = [
    "BuildError",
    "NonFiniteLossError",
    "Procedure",
    "Score",
    "is_accident",
    "is_out_of_memory",
    "load_model",
    "procedure",
    "score",
]
