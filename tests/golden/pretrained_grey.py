"""A mixture of 2 pretrained networks for images, weighed by a gate that sees their features.

- ResNet: test_resnet, which sees 24×24 pixels
- ViT: test_vit, which sees 32×32 pixels

Made for images in [0, 1] of 32×32 pixels and 1 channels. Each network
prepares them as it was pretrained. Needs torch and timm, nothing else:

    model = build(num_classes=10)
    logits = model(images)  # (B, 1, 32, 32) → (B, 10)

Shapes: B batch, E experts, F features, C classes.
"""

from typing import Any, NamedTuple

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


class MixtureOutput(NamedTuple):
    """What a mixture computed for a batch."""

    logits: torch.Tensor
    """(B, C): the experts' logits, summed by `weights`."""
    weights: torch.Tensor
    """(B, E): the mixing weights; they sum to 1 over E."""
    probs: torch.Tensor
    """(B, E): softmax of `gate_logits`, with a gradient to every entry; for balance losses."""
    gate_logits: torch.Tensor
    """(B, E): after temperature; in training after noise as well."""
    expert_logits: torch.Tensor
    """(B, E, C): each expert's own logits."""


class Mixture(nn.Module):
    """A soft mixture: all experts run, and the gate's softmax weighs their logits."""

    def __init__(
        self, experts: list[nn.Module], gate: nn.Module, expert_names: list[tuple[str, str]]
    ) -> None:
        super().__init__()
        self.experts = nn.ModuleList(experts)
        self.gate = gate
        self.expert_names = expert_names

    def weigh(self, probs: torch.Tensor) -> torch.Tensor:
        """Gate probabilities (B, E) → mixing weights (B, E)."""
        return probs

    def mixture(self, x: torch.Tensor) -> MixtureOutput:
        """Runs every expert on every image."""
        gate_logits = self.gate(x)
        probs = gate_logits.softmax(dim=1)
        weights = self.weigh(probs)
        expert_logits = torch.stack([expert(x) for expert in self.experts], dim=1)
        logits = (weights.unsqueeze(2) * expert_logits).sum(dim=1)
        return MixtureOutput(logits, weights, probs, gate_logits, expert_logits)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.mixture(x).logits


class FeatureGate(nn.Module):
    """Scores the experts by their features: (B, F) → (B, E) logits. All are equal at first."""

    def __init__(self, width: int, experts: int, hidden: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.hidden = nn.Linear(width, hidden)
        self.head = nn.Linear(hidden, experts)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        # Autocast would round logits; the meta device, on which costs are counted, has none.
        device = "cpu" if features.is_meta else features.device.type
        with torch.autocast(device, enabled=False):
            return self.head(self.hidden(self.dropout(features.float())).relu())


class FeatureMixture(Mixture):
    """A soft mixture of experts whose features the gate sees."""

    def mixture(self, x: torch.Tensor) -> MixtureOutput:
        features = [expert.features(x) for expert in self.experts]
        gate_logits = self.gate(torch.cat(features, dim=1))
        probs = gate_logits.softmax(dim=1)
        logits = [expert.head(z) for expert, z in zip(self.experts, features, strict=True)]
        expert_logits = torch.stack(logits, dim=1)
        mixed = (probs.unsqueeze(2) * expert_logits).sum(dim=1)
        return MixtureOutput(mixed, probs, probs, gate_logits, expert_logits)


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
    (
        "ViT",
        "test_vit",
        {"img_size": 32},
        {
            "image_size": 32,
            "resized": 32,
            "interpolation": "nearest",
            "mean": [0.485, 0.456, 0.406],
            "std": [0.229, 0.224, 0.225],
        },
    ),
]


def build(num_classes: int) -> nn.Module:
    """Without weights: (B, 1, H, H) → (B, num_classes) logits."""
    trunks = [Trunk(model, args, **inputs) for _, model, args, inputs in EXPERTS]
    experts = [Expert(trunk, num_classes) for trunk in trunks]
    gate = FeatureGate(
        sum(expert.trunk.width for expert in experts),
        len(experts),
        hidden=4,
        dropout=0.1,
    )
    return FeatureMixture(experts, gate, [(family, model) for family, model, _, _ in EXPERTS])
