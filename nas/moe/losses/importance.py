"""The importance loss. Shapes: N tokens, E experts."""

from torch import Tensor

from nas.moe.losses._variation import squared_variation
from nas.moe.routing import Routing


def importance(routing: Routing) -> Tensor:
    """The squared coefficient of variation of the experts' summed weights over a batch
    (arXiv 1701.06538, eq. 6–7): 0 when all have the same."""
    return squared_variation(routing.weights.sum(dim=0))
