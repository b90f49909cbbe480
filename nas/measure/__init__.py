"""Measures networks before they are trained: each member once; a candidate's cost is a sum.

This module does not import torch, because a driver may find everything in a cache. The modules that
build networks are `profile`, `gate`, `meta`, `propose`, `figures` and `latency`.
"""

from nas.measure.conditions import conditions
from nas.measure.cost import NO_OVERHEAD, Overhead, cost, too_large
from nas.measure.counts import meta_cost
from nas.measure.crowded import Crowded

__all__ = [
    "NO_OVERHEAD",
    "Crowded",
    "Overhead",
    "conditions",
    "cost",
    "meta_cost",
    "too_large",
]
