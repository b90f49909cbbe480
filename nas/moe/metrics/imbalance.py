"""How unevenly experts share the work."""

from nas.moe.totals import RoutingTotals


def imbalance(totals: RoutingTotals) -> float | None:
    """max q / min q, q the experts' shares of kept tokens over a pass: 1 when equal. None if an
    expert has none, where it would be infinite: `dead` counts those."""
    shares = totals.shares
    return max(shares) / min(shares) if min(shares) > 0 else None
