"""ResNet-18 with a soft classifier head of 8 × 64 hidden units.

After "Mixture-of-Experts Models in Vision" (arXiv 2601.15021).

Made for images of 32×32 pixels and 3 channels. Needs torch, nothing else:

    model = build(num_classes=10)
    logits = model(images)  # (B, 3, 32, 32) → (B, 10)

Shapes: B batch, D features, E experts, C classes.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions and a shortcut: (B, inputs, H, W) → (B, outputs, H/stride, W/stride)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.first_norm = nn.BatchNorm2d(outputs)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride > 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.relu(self.first_norm(self.first(x)))
        y = self.second_norm(self.second(y))
        return functional.relu(y + self.shortcut(x))


class ResNet18(nn.Module):
    """The features of ResNet-18 (arXiv 1512.03385): (B, channels, H, W) → (B, 8·width, H/8, W/8).

    With the stem of small images: one 3×3 convolution without stride and no pooling. At 3 channels
    and width 64 it has 11,168,832 parameters, and 555,417,600 MACs of 32×32 pixels.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        blocks: list[nn.Module] = []
        inputs = width
        for outputs, stride in ((width, 1), (2 * width, 2), (4 * width, 2), (8 * width, 2)):
            blocks += [ResidualBlock(inputs, outputs, stride), ResidualBlock(outputs, outputs, 1)]
            inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.features = inputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features: torch.Tensor = self.blocks(self.stem(x))
        return features


class MlpExperts(nn.Module):
    """E MLPs, each of which is the dense head with H hidden units.

    Their weights are stacked, so that all experts are two batched products, and stored as (inputs,
    outputs): a CPU multiplies one or two rows by them in two thirds of the time that nn.Linear's
    order takes. Initialised as nn.Linear. Biases are flat, as optimizers decay everything else.
    """

    def __init__(self, experts: int, features: int, hidden: int, num_classes: int) -> None:
        super().__init__()
        self.hidden, self.num_classes = hidden, num_classes
        self.first = self._uniform(features, experts, features, hidden)
        self.first_bias = self._uniform(features, experts * hidden)
        self.second = self._uniform(hidden, experts, hidden, num_classes)
        self.second_bias = self._uniform(hidden, experts * num_classes)

    @staticmethod
    def _uniform(inputs: int, *shape: int) -> nn.Parameter:
        return nn.Parameter(torch.empty(shape).uniform_(-(inputs**-0.5), inputs**-0.5))

    def __len__(self) -> int:
        return len(self.first)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(E, N, D), or (N, D) for every expert the same → (E, N, C) logits."""
        experts = len(self)
        hidden = torch.baddbmm(
            self.first_bias.view(experts, 1, -1), x.expand(experts, -1, -1), self.first
        )
        hidden = functional.dropout(hidden.relu_(), 0.1, self.training)
        return torch.baddbmm(self.second_bias.view(experts, 1, -1), hidden, self.second)

    def run(self, expert: int, x: torch.Tensor) -> torch.Tensor:
        """One expert by itself: (N, D) → (N, C) logits."""
        bias = self.first_bias.narrow(0, expert * self.hidden, self.hidden)
        hidden = torch.addmm(bias, x, self.first[expert]).relu_()
        hidden = functional.dropout(hidden, 0.1, self.training)
        bias = self.second_bias.narrow(0, expert * self.num_classes, self.num_classes)
        return torch.addmm(bias, hidden, self.second[expert])

    def alone(self, x: torch.Tensor) -> list[Callable[[], torch.Tensor]]:
        """For each expert by itself, what gives its part of `forward`: (N, C)."""
        shares = x.expand(len(self), -1, -1)
        return [partial(self.run, expert, share) for expert, share in enumerate(shares)]


def full_precision(x: torch.Tensor) -> torch.autocast:
    """A context without autocast on a tensor's device: bf16 rounds a router's logits, and a rounded
    logit can send an image to another expert."""
    # The meta device, on which costs are counted, has no autocast.
    return torch.autocast("cpu" if x.is_meta else x.device.type, enabled=False)


class LinearGate(nn.Module):
    """Scores the experts: (B, D) → (B, E) logits."""

    def __init__(self, features: int, experts: int) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.1)
        self.score = nn.Linear(features, experts)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        with full_precision(features):
            features = features.to(self.score.weight.dtype)
            scores: torch.Tensor = self.score(self.drop(features))
        return scores


class Routing(NamedTuple):
    """What one layer's router decided for the N tokens of a batch."""

    name: str
    """The layer's, different from all others of the network."""
    gate_logits: torch.Tensor
    """(N, E): what the softmax gets; after temperature, and in training noise."""
    probs: torch.Tensor
    """(N, E): softmax of `gate_logits`, with a gradient to every entry."""
    weights: torch.Tensor
    """(N, E): what the experts' outputs are multiplied by; 0 outside the kept ones."""
    chosen: torch.Tensor
    """(N, E) bool: the experts that a token chose, before capacity. All, if the layer is soft."""
    kept: torch.Tensor
    """(N, E) bool: those of the chosen that had room for it."""
    slots: int | None = None
    """On how many places for tokens all experts together were run; None without such places."""
    clean_logits: torch.Tensor | None = None
    """(N, E): logits before noise, of a gate that learns the size of its noise; else None."""
    noise_scale: torch.Tensor | None = None
    """(N, E): the standard deviation of that noise; None where `clean_logits` is."""


class RoutedOutput(NamedTuple):
    """What a routing network computed for a batch."""

    logits: torch.Tensor
    """(B, C)."""
    layers: tuple[Routing, ...]
    """One per layer that routes."""
    expert_logits: torch.Tensor | None = None
    """(B, E, C): each expert's own logits, if the experts give logits and one layer mixes them."""


class HeadMixture(nn.Module):
    """A mixture of MLP experts on the features of one backbone."""

    def __init__(self, backbone: nn.Module, gate: LinearGate, experts: MlpExperts) -> None:
        super().__init__()
        self.backbone = backbone
        self.gate = gate
        self.experts = experts
        self.expert_names = [("expert", str(n)) for n in range(len(experts))]

    def parts(self) -> dict[str, list[nn.Module]]:
        return {"gate": [self.gate], "experts": [self.experts]}

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """The backbone's features, averaged over the map: (B, 3, H, W) → (B, D)."""
        pooled: torch.Tensor = self.backbone(x).mean(dim=(2, 3))
        return pooled

    def route(self, features: torch.Tensor) -> Routing:
        """The gate's decisions: all experts, weighed by its softmax."""
        gate_logits = self.gate(features)
        probs = gate_logits.softmax(dim=1)
        every = torch.ones_like(probs, dtype=torch.bool)
        return Routing("head", gate_logits, probs, probs, every, every)

    def routed(self, x: torch.Tensor) -> RoutedOutput:
        """As `forward`, with the routing. Runs every expert on every image."""
        features = self.features(x)
        routing = self.route(features)
        expert_logits = self.experts(features).transpose(0, 1)
        logits = (routing.weights.unsqueeze(2) * expert_logits).sum(dim=1)
        return RoutedOutput(logits, (routing,), expert_logits)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.routed(x).logits


def build(num_classes: int) -> nn.Module:
    """The model, untrained: (B, 3, H, W) → (B, num_classes) logits."""
    backbone = ResNet18(channels=3, width=16)
    experts = MlpExperts(8, backbone.features, 64, num_classes)
    gate = LinearGate(backbone.features, 8)
    return HeadMixture(backbone, gate, experts)
