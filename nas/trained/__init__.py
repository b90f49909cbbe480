"""Trained candidates: their code and weights, checked before they are run or handed out.

Nothing is imported here that imports torch; `model`, which builds a candidate's model, does.
"""

from nas.trained.code import compared_code
from nas.trained.weights import check_weights, kept_weights

__all__ = ["check_weights", "compared_code", "kept_weights"]
