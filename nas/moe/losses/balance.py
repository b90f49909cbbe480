"""The load-balancing loss. Shapes: N tokens, E experts."""

import torch
from torch import Tensor

from nas.moe.routing import Routing


def balance(routing: Routing) -> Tensor:
    """E · Σᵢ fᵢ Pᵢ over a batch: 1 when balanced; when one expert takes everything, E in a soft or
    top-1 layer and E/k in a top-k one, where somebody has to be second.

    Pᵢ is the batch's mean probability of expert i. In a top-k layer fᵢ is the share of choices
    that were for expert i, whether it had room or not, a constant to the gradient (Switch
    Transformer, arXiv 2101.03961, eq. 4–6). A soft layer uses every expert for every token, so a
    count would be 1/E whatever the gate does; there fᵢ = Pᵢ, and E · Σ Pᵢ² is the squared
    coefficient of variation of P plus 1. The gradient reaches the gate through P.
    """
    experts = routing.probs.shape[1]
    mean = routing.probs.mean(dim=0)
    choices = routing.chosen.sum(dim=0) / routing.chosen.sum()
    # Decided on the device: `if chosen.all()` would read it back at every step.
    share = torch.where(routing.chosen.all(), mean, choices)
    return experts * (share * mean).sum()
