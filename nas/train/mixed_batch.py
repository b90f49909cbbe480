"""A batch whose images are mixed in pairs: mixup (arXiv 1710.09412) and CutMix (1905.04899)."""

from dataclasses import dataclass
from math import sqrt

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Mixed:
    """A training batch. Shapes: B batch, C classes."""

    images: Tensor
    """`(B, channels, H, W)`: the batch x mixed with x reversed. Mixup: λ·x + (1−λ)·x reversed;
    CutMix: x, with a box of the share 1−λ of its area from x reversed."""
    targets: Tensor
    """`(B, C)`: smoothed label distributions, λ of the image's own and 1−λ of the other's."""
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
    cutmix: float = 0.0,
    smoothing: float,
    rng: np.random.Generator,
) -> Mixed:
    """Mixes each image with its mirror in the batch: with probability `cutmix` by CutMix, otherwise
    by mixup with one λ ~ Beta(α, α); α = 0 mixes nothing.

    `images` `(B, channels, H, W)`, `labels` `(B,)`. A label's distribution has 1 − `smoothing` for
    it, and the rest evenly on all classes (label smoothing, arXiv 1512.00567). So are timm's, whose
    `Mixup` draws from numpy's global state and refuses odd batches. torchvision's `MixUp` and
    `CutMix` draw from torch's global state, and keep neither λ nor both labels for `Mixed.hits`.
    """
    if cutmix > 0 and rng.random() < cutmix:  # without CutMix nothing more is drawn than before it
        images, lam = paste(images, *draw_box(*images.shape[-2:], rng=rng))
    else:
        lam = float(rng.beta(alpha, alpha)) if alpha > 0 else 1.0
        if lam < 1:
            images = lam * images + (1 - lam) * images.flip(0)
    even = smoothing / num_classes
    own = torch.full((len(labels), num_classes), even, device=labels.device)
    own.scatter_(1, labels[:, None], 1.0 - smoothing + even)
    targets = lam * own + (1 - lam) * own.flip(0)
    return Mixed(images, targets, labels, lam)


def draw_box(height: int, width: int, *, rng: np.random.Generator) -> tuple[slice, slice]:
    """The rows and columns of CutMix's box: a share 1 − λ of the area, λ ~ Beta(1, 1), around any
    pixel, cut off at the border."""
    side = sqrt(1 - rng.beta(1.0, 1.0))
    spans = []
    for size in (height, width):
        middle, half = int(rng.integers(size)), int(side * size) // 2
        spans.append(slice(max(middle - half, 0), min(middle + half, size)))
    rows, columns = spans
    return rows, columns


def paste(images: Tensor, rows: slice, columns: slice) -> tuple[Tensor, float]:
    """Images `(B, channels, H, W)` with a box from the batch reversed, and λ: the share of the area
    outside the box."""
    height, width = images.shape[-2:]
    mixed = images.clone()
    mixed[:, :, rows, columns] = images[:, :, rows, columns].flip(0)
    area = (rows.stop - rows.start) * (columns.stop - columns.start)
    return mixed, 1 - area / (height * width)
