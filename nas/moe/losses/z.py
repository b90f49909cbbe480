"""The router z-loss. Shapes: N tokens, E experts."""

from torch import Tensor

from nas.moe.routing import Routing


def z(routing: Routing) -> Tensor:
    """Mean over tokens of logsumexp(gate logits)² (ST-MoE, arXiv 2202.08906, eq. 5): keeps logits
    small. (ln E)² for logits of 0."""
    return routing.gate_logits.logsumexp(dim=1).square().mean()
