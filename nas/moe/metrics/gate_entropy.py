"""How undecided the gate is. Shapes: B batch, E experts."""

from torch import Tensor

from nas.moe.routing import Routing


def gate_entropy(routing: Routing) -> Tensor:
    """Each image's gate entropy in nats, `(B,)`: 0 when sure, ln E when undecided."""
    # xlogy: 0 · ln 0 is 0.
    return -routing.probs.xlogy(routing.probs).sum(dim=1)
