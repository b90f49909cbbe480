"""The load loss of a noisy top-k gate. Shapes: N tokens, E experts."""

from math import sqrt

import torch
from torch import Tensor

from nas.faults import BuildError
from nas.moe.losses._variation import squared_variation
from nas.moe.routing import Routing

_FAR = -1e9
"""A threshold that every logit exceeds, and whose gradient is 0 rather than NaN, as of −∞."""


def load(routing: Routing) -> Tensor:
    """The squared coefficient of variation of the experts' expected number of tokens
    (arXiv 1701.06538, eq. 8–11), which, unlike a count, has a gradient.

    A token's probability of being sent to expert i, if the noise of i alone were drawn again, is
    Φ((clean logit of i − threshold) / noise scale of i). The threshold is the k-th largest of the
    other experts' noisy logits. Raises BuildError for a gate that does not learn its noise.
    """
    if routing.clean_logits is None or routing.noise_scale is None:
        raise BuildError("the loss load needs a gate that learns the size of its noise")
    probable = _probability(
        routing.clean_logits, routing.gate_logits, routing.noise_scale, routing.chosen
    )
    return squared_variation(probable.sum(dim=0))


def _probability(clean: Tensor, noisy: Tensor, scale: Tensor, chosen: Tensor) -> Tensor:
    """`(N, E)`: the probability of being among the k largest."""
    # For a chosen expert, the k-th of the others is the best that was not chosen; for another one
    # it is the worst that was.
    best_out = noisy.masked_fill(chosen, _FAR).amax(dim=1, keepdim=True)
    worst_in = noisy.masked_fill(~chosen, -_FAR).amin(dim=1, keepdim=True)
    threshold = torch.where(chosen, best_out, worst_in)
    return 0.5 * (1 + torch.erf((clean - threshold) / (sqrt(2) * scale)))
