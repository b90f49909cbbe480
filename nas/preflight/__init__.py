"""What a network needs, measured before it is trained: members once, candidates by sums."""

from nas.preflight.conditions import conditions
from nas.preflight.cost import NO_OVERHEAD, Overhead, cost, overhead, too_large
from nas.preflight.meta import meta_cost
from nas.preflight.probe import Crowded, probe, probe_beside_others
from nas.preflight.propose import candidates, parse_count, proposed_space

__all__ = [
    "NO_OVERHEAD",
    "Crowded",
    "Overhead",
    "candidates",
    "conditions",
    "cost",
    "meta_cost",
    "overhead",
    "parse_count",
    "probe",
    "probe_beside_others",
    "proposed_space",
    "too_large",
]
