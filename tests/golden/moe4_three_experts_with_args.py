"""A Mixture of Experts for images: 3 timm models and a gate, mixed soft.

- MambaOut: test_mambaout
- ResNet: test_resnet
- ViT: test_vit

Made for images of 32×32 pixels and 3 channels. Needs torch and timm, nothing else:

    model = build(num_classes=10)
    logits = model(images)  # (B, 3, 32, 32) → (B, 10)

Shapes: B batch, E experts, C classes.
"""

from typing import Any, NamedTuple

import timm
import torch
from torch import nn

EXPERTS: list[tuple[str, str, dict[str, Any]]] = [
    # family, timm model, its arguments
    ("MambaOut", "test_mambaout", {}),
    ("ResNet", "test_resnet", {"drop_rate": 0.1}),
    ("ViT", "test_vit", {"global_pool": "avg", "img_size": 32}),
]


def build_expert(model: str, num_classes: int, args: dict[str, Any]) -> nn.Module:
    """One untrained timm model: (B, 3, H, W) → (B, C)."""
    return timm.create_model(
        model,
        pretrained=False,
        num_classes=num_classes,
        in_chans=3,
        **args,
    )


class Gate(nn.Module):
    """Scores the experts for each image: (B, channels, H, W) → (B, E) logits over temperature.

    The gate of arXiv 2606.23739: 84,549 parameters for 4 experts and 3 channels, the learned
    temperature among them. In training, Gaussian noise is added to the logits before they are
    divided by the temperature.
    """

    def __init__(
        self,
        experts: int,
        channels: int = 3,
        width: int = 64,
        temperature: float = 2.0,
        noise: float = 0.1,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        self.noise = noise
        self.raw_temperature = nn.Parameter(torch.tensor(float(temperature)))
        self.features = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride=2, padding=1),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
            nn.Conv2d(width, 2 * width, 3, stride=2, padding=1),
            nn.BatchNorm2d(2 * width),
            nn.ReLU(inplace=True),
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
        )
        self.head = nn.Sequential(
            nn.Linear(2 * width, width),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(width, experts),
        )

    @property
    def temperature(self) -> torch.Tensor:
        """The learned temperature, a scalar held in [0.5, 5]."""
        return self.raw_temperature.clamp(0.5, 5.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.features(x).float()
        # Autocast would round the head's logits to bf16, and a rounded logit can send an image to
        # another expert. The meta device, on which costs are counted, has no autocast.
        device = "cpu" if features.is_meta else features.device.type
        with torch.autocast(device, enabled=False):
            logits = self.head(features)
        if self.training and self.noise > 0:
            logits = logits + self.noise * torch.randn_like(logits)
        return logits / self.temperature


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


def build_gate() -> nn.Module:
    """The gate by itself."""
    return Gate(
        experts=3,
        channels=3,
        width=64,
        temperature=2.0,
        noise=0.1,
    )


def build(num_classes: int) -> nn.Module:
    """The mixture, untrained: (B, 3, H, W) → (B, num_classes) logits."""
    experts = [build_expert(model, num_classes, args) for _, model, args in EXPERTS]
    names = [(family, model) for family, model, _ in EXPERTS]
    return Mixture(experts, build_gate(), names)
