"""How much of the capacity is used."""

from nas.moe.totals import RoutingTotals


def cap_ratio(totals: RoutingTotals) -> float | None:
    """Kept tokens over the places of all experts. None without a capacity.

    With top-1 routing it is (1 − drop_rate) / capacity factor, but for the rounding of capacities.
    """
    return None if totals.slots is None else sum(totals.kept) / totals.slots
