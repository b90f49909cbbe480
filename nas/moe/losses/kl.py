"""How far a router's mean probabilities are from uniform. Shapes: N tokens, E experts."""

from math import log

import torch
from torch import Tensor

from nas.moe.routing import Routing


def kl(routing: Routing) -> Tensor:
    """KL(P ‖ U) = ln E − H(P) in nats, P the batch's mean probabilities and U uniform: 0 when
    balanced, ln E when one expert has all probability.

    The balance term of arXiv 2601.15021's soft head. Its code takes KL(U ‖ P) and divides it by E.
    """
    mean = routing.probs.mean(dim=0)
    # The logarithm of 0 has no gradient, and no limit.
    return log(len(mean)) + (mean * mean.clamp_min(torch.finfo(mean.dtype).tiny).log()).sum()
