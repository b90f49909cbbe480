"""How many experts have work."""

from nas.moe.metrics.dead import dead
from nas.moe.totals import RoutingTotals


def active(totals: RoutingTotals) -> float:
    """The number of experts that are not dead."""
    return totals.experts - dead(totals)
