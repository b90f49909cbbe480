"""How many tokens found no room."""

from nas.moe.totals import RoutingTotals


def drop_rate(totals: RoutingTotals) -> float | None:
    """The share of choices that were dropped for lack of capacity. None where experts have no
    places for tokens."""
    if totals.slots is None:
        return None
    return 1 - sum(totals.kept) / sum(totals.chosen)
