"""How evenly experts share the work."""

from math import log

from nas.moe.totals import RoutingTotals


def entropy_norm(totals: RoutingTotals) -> float | None:
    """H(q) / ln E, q the experts' shares of kept tokens over a pass: 1 when equal, 0 when one
    expert has all. None for one expert, and if nothing was kept."""
    shares = totals.shares
    if totals.experts == 1 or not any(shares):
        return None
    return -sum(q * log(q) for q in shares if q > 0) / log(totals.experts)
