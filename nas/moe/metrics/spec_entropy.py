"""How undecided the gate is, as a share."""

from math import log

from nas.moe.totals import RoutingTotals


def spec_entropy(totals: RoutingTotals) -> float | None:
    """Mean over tokens of H(p) / ln E, p a token's probabilities: 0 when specialised, 1 when
    undecided. None for one expert."""
    if totals.experts == 1:
        return None
    return totals.entropy / totals.tokens / log(totals.experts)
