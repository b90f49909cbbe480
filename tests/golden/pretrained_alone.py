"""A pretrained network for images.

- ResNet: test_resnet, which sees 24×24 pixels

Made for images in [0, 1] of 32×32 pixels and 3 channels. Each network
prepares them as it was pretrained. Needs torch and timm, nothing else:

    model = build(num_classes=10)
    logits = model(images)  # (B, 3, 32, 32) → (B, 10)

Shapes: B batch, F features, C classes.
"""

from typing import Any

import timm
import torch
from torch import nn
from torch.nn import functional


class Trunk(nn.Module):
    """A timm model without its classifier, with the preparation of images that it was trained
    with: (B, 1 or 3, H, H) in [0, 1] → (B, F)."""

    def __init__(
        self,
        model: str,
        args: dict[str, Any],
        image_size: int,
        resized: int,
        interpolation: str,
        mean: list[float],
        std: list[float],
    ) -> None:
        super().__init__()
        self.network = timm.create_model(model, pretrained=False, num_classes=0, **args)
        self.width: int = self.network.head_hidden_size
        self.image_size, self.resized, self.interpolation = image_size, resized, interpolation
        self.register_buffer("mean", torch.tensor(mean).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, 3, 1, 1), persistent=False)

    def prepare(self, images: torch.Tensor) -> torch.Tensor:
        """In RGB, resized, the middle of them, standardised: (B, 3, image_size, image_size)."""
        x = images.expand(-1, 3, -1, -1)
        if x.shape[-1] != self.resized:
            how = {"mode": self.interpolation}
            if self.interpolation != "nearest":
                how |= {"antialias": True}
            x = functional.interpolate(x, size=(self.resized, self.resized), **how)
            if self.interpolation == "bicubic":
                x = x.clamp(0, 1)  # as in an image's bytes
        edge = (self.resized - self.image_size) // 2
        x = x[:, :, edge : edge + self.image_size, edge : edge + self.image_size]
        return (x - self.mean) / self.std

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network(self.prepare(images))


class Expert(nn.Module):
    """A trunk and a linear classifier of its own: (B, 1 or 3, H, H) in [0, 1] → (B, C).

    The classifier gets features of mean 0 and deviation 1, whatever the network.
    """

    def __init__(self, trunk: Trunk, num_classes: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.norm = nn.BatchNorm1d(trunk.width, affine=False)
        self.head = nn.Linear(trunk.width, num_classes)

    def get_classifier(self) -> nn.Module:
        return self.head

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images))

    def features(self, images: torch.Tensor) -> torch.Tensor:
        return self.norm(self.trunk(images))


EXPERTS: list[tuple[str, str, dict[str, Any], dict[str, Any]]] = [
    # family, timm model, its arguments, the images that it was pretrained on
    (
        "ResNet",
        "test_resnet",
        {},
        {
            "image_size": 24,
            "resized": 30,
            "interpolation": "bicubic",
            "mean": [0.4, 0.5, 0.6],
            "std": [0.2, 0.3, 0.4],
        },
    ),
]


def build(num_classes: int) -> nn.Module:
    """Without weights: (B, 3, H, H) → (B, num_classes) logits."""
    trunks = [Trunk(model, args, **inputs) for _, model, args, inputs in EXPERTS]
    experts = [Expert(trunk, num_classes) for trunk in trunks]
    return experts[0]
