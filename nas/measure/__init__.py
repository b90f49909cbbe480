"""What a network needs, measured before it is trained: members once, candidates by sums.

Free of torch here, for a driver that finds everything counted; what builds networks lies in
`profile`, `gate`, `meta`, `propose`, `figures` and `latency`.
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
