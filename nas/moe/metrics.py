"""What the gate does. Shapes: B batch, E experts."""

from torch import Tensor


def entropy(probs: Tensor) -> Tensor:
    """Each image's gate entropy in nats, `(B, E)` → `(B,)`: 0 when sure, ln E when undecided."""
    # xlogy: 0 · ln 0 is 0.
    return -probs.xlogy(probs).sum(dim=1)


def usage(weights: Tensor) -> Tensor:
    """Each expert's mean mixing weight over a batch, `(B, E)` → `(E,)`; sums to 1."""
    return weights.mean(dim=0)
