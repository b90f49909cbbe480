"""What losses and metrics get. Shapes: B batch, E experts."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Routing:
    """What a gate decided for a batch of images, in fp32 whatever the model computes in."""

    weights: Tensor
    """`(B, E)`: what the mixture multiplies its experts' logits by, rows summing to 1: equal to
    `probs` in a soft mixture, zero outside the k chosen experts in a top-k one."""
    probs: Tensor
    """`(B, E)`: the gate's full softmax."""


Loss = Callable[[Routing], Tensor]
"""Of a batch → a scalar that training adds to its objective, times its weight in the recipe. Its
gradient reaches the gate; nothing is read back from the device."""
Metric = Callable[[Routing], Tensor]
"""Of a batch → one figure an image, `(B,)`, whose mean over a split is the metric. Called without
gradients; nothing is read back from the device."""
