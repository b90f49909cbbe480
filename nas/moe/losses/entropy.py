"""A loss that keeps a router undecided. Shapes: N tokens, E experts."""

from math import log

from torch import Tensor

from nas.moe.routing import Routing


def entropy(routing: Routing) -> Tensor:
    """ln E − the mean over tokens of the entropy of each token's probabilities, in nats: 0 when
    all are uniform, ln E when every token is sure of one expert.

    The entropy maximisation of soft actor-critic (arXiv 1801.01290) for a router. `kl` is about the
    batch's mean probabilities instead, and lets single tokens be sure.
    """
    # Not the logarithm of a softmax: it has no gradient where a probability is 0.
    each = -(routing.probs * routing.gate_logits.log_softmax(dim=1)).sum(dim=1)
    return log(routing.probs.shape[1]) - each.mean()
