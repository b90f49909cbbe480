"""How many experts have no work."""

from nas.moe.totals import RoutingTotals

SHARE = 1e-6
"""A share of kept tokens below which an expert counts as dead."""


def dead(totals: RoutingTotals) -> float:
    """The number of experts with less than SHARE of the kept tokens of a pass."""
    return float(sum(q < SHARE for q in totals.shares))
