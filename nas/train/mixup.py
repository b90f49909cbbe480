"""Mixup of a batch (arXiv 1710.09412)."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Mixed:
    """A training batch. Shapes: B batch, C classes."""

    images: Tensor
    """`(B, channels, H, W)`: λ·x + (1−λ)·x reversed."""
    targets: Tensor
    """`(B, C)`: smoothed label distributions, mixed in the same way."""
    labels: Tensor
    """`(B,)` of the images that weigh λ; reversed, of those that weigh 1−λ."""
    lam: float

    def hits(self, predictions: Tensor) -> Tensor:
        """How many predictions `(B,)` are right; a mixed image counts λ for one label, 1−λ for the
        other."""
        first = (predictions == self.labels).sum()
        second = (predictions == self.labels.flip(0)).sum()
        return self.lam * first + (1 - self.lam) * second


def mix(
    images: Tensor,
    labels: Tensor,
    *,
    num_classes: int,
    alpha: float,
    smoothing: float,
    rng: np.random.Generator,
) -> Mixed:
    """Mixes each image with its mirror in the batch by one λ ~ Beta(α, α); α = 0 mixes nothing.

    `images` `(B, channels, H, W)`, `labels` `(B,)`. A label's distribution has 1 − `smoothing` for
    it, and the rest evenly on all classes (label smoothing, arXiv 1512.00567). So are timm's, whose
    `Mixup` draws from numpy's global state and refuses odd batches.
    """
    lam = float(rng.beta(alpha, alpha)) if alpha > 0 else 1.0
    even = smoothing / num_classes
    own = torch.full((len(labels), num_classes), even, device=labels.device)
    own.scatter_(1, labels[:, None], 1.0 - smoothing + even)
    targets = lam * own + (1 - lam) * own.flip(0)
    if lam < 1:
        images = lam * images + (1 - lam) * images.flip(0)
    return Mixed(images, targets, labels, lam)
