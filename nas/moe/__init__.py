"""Losses and metrics on gate weights.

Shapes: B batch, E experts. `probs` `(B, E)` is the gate's full softmax; `weights` `(B, E)` is
what the mixture multiplies its experts' logits by, rows summing to 1: equal to `probs` in a soft
mixture, zero outside the k chosen experts in a top-k one. Nothing here reads a tensor back from
its device.
"""

from nas.moe.balance import balance_loss
from nas.moe.metrics import entropy

__all__ = ["balance_loss", "entropy"]
