"""How undecided the gate is."""

from nas.moe.totals import RoutingTotals


def gate_entropy(totals: RoutingTotals) -> float:
    """Mean over tokens of the entropy of their probabilities, in nats: 0 when sure, ln E when
    undecided."""
    return totals.entropy / totals.tokens
