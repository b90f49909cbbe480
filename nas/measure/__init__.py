"""Resources that a network needs, measured per member before training and summed up."""

from nas.measure.conditions import conditions
from nas.measure.cost import NO_OVERHEAD, Overhead, cost, overhead, too_large
from nas.measure.figures import BATCH, figures
from nas.measure.meta import meta_cost
from nas.measure.profile import Crowded, probe, probe_beside_others
from nas.measure.propose import candidates, proposed_space

__all__ = [
    "BATCH",
    "NO_OVERHEAD",
    "Crowded",
    "Overhead",
    "candidates",
    "conditions",
    "cost",
    "figures",
    "meta_cost",
    "overhead",
    "probe",
    "probe_beside_others",
    "proposed_space",
    "too_large",
]
