"""Who does the work."""

from nas.moe.totals import RoutingTotals


def expert_shares(totals: RoutingTotals) -> tuple[float, ...]:
    """Each expert's share of the kept tokens of a pass; of the weights, in a soft layer."""
    return totals.shares
