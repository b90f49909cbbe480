"""What the gate does. Shapes: B batch, E experts."""

from torch import Tensor


def entropy(probs: Tensor) -> Tensor:
    """Each image's gate entropy in nats, `(B, E)` → `(B,)`: 0 when sure, ln E when undecided."""
    # xlogy: 0 · ln 0 is 0.
    return -probs.xlogy(probs).sum(dim=1)
