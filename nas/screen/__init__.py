"""Scoring mixtures from what their experts said, without training any of them.

Shapes throughout: E experts in the bank, k in a mixture, Q mixtures, N images, C classes,
D features.
"""

from nas.screen.experts import Experts, load
from nas.screen.run import Scores, screen
from nas.screen.sets import Sets, sets_of

__all__ = ["Experts", "Scores", "Sets", "load", "screen", "sets_of"]
