"""How much of the capacity is used."""

from nas.moe.totals import RoutingTotals


def cap_ratio(totals: RoutingTotals) -> float | None:
    """Kept tokens over the places that experts were run on. None where there are no places.

    With top-1 routing it is (1 − drop_rate) / capacity factor, but for the rounding of capacities.
    Without a capacity there are as many places as a batch needs, if it is run in places at all.
    """
    return None if totals.slots is None else sum(totals.kept) / totals.slots
