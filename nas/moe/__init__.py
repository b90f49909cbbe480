"""Routing: how a network's decisions are read, and losses and metrics of them, one file each.

To add a loss, put a file with one function of a `Routing` into `losses/`: the recipe's `losses`
takes its name. To add a metric, put one with a function of `RoutingTotals` into `metrics/`: every
pass over a split computes it for every layer, and the ledger stores it.
"""

from functools import cache
from typing import cast

from nas.moe.meter import RoutingMeter
from nas.moe.routed import RoutedModel, RoutedOutput, as_routed
from nas.moe.routing import Loss, Routing, RoutingMetric
from nas.moe.totals import RoutingTotals
from nas.registry import LOSSES, METRICS

__all__ = [
    "Loss",
    "RoutedModel",
    "RoutedOutput",
    "Routing",
    "RoutingMeter",
    "RoutingMetric",
    "RoutingTotals",
    "all_metrics",
    "as_routed",
    "loss",
]


def loss(name: str) -> Loss:
    """The auxiliary loss of that name; UsageError for an unknown one."""
    return cast(Loss, LOSSES.function(name))


@cache
def _metric(name: str) -> RoutingMetric:
    return cast(RoutingMetric, METRICS.function(name))


def all_metrics() -> dict[str, RoutingMetric]:
    """Every metric by its name, in the names' order."""
    return {name: _metric(name) for name in METRICS.names()}
