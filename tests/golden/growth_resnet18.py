"""A top-2 mixture that starts with 2 experts of 5 hidden units and can grow.

After BorisovAI's "Load Balancing Fixes Runaway Expert Growth in MoE Models".

Made for images of 32×32 pixels and 3 channels. Needs torch, nothing else:

    model = build(num_classes=10)
    logits = model(images)  # (B, 3, 32, 32) → (B, 10)

Shapes: B batch, D features, E experts, H hidden units, C classes.
"""

import math
from collections.abc import Callable
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


def full_precision(x: torch.Tensor) -> torch.autocast:
    """A context without autocast on a tensor's device: bf16 rounds a router's logits, and a rounded
    logit can send an image to another expert."""
    # The meta device, on which costs are counted, has no autocast.
    return torch.autocast("cpu" if x.is_meta else x.device.type, enabled=False)


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


class StackedExperts(nn.Module):
    """E MLPs D-H-C on the same features: (B, D) → (B, E, C) logits.

    Rows e·n to (e+1)·n of every parameter are expert e's. Initialised as nn.Linear.
    """

    def __init__(self, experts: int, features: int, hidden: int, num_classes: int) -> None:
        super().__init__()
        self.hidden, self.num_classes = hidden, num_classes
        self.first = self._uniform(features, experts * hidden, features)
        self.first_bias = self._uniform(features, experts * hidden)
        self.second = self._uniform(hidden, experts * num_classes, hidden)
        self.second_bias = self._uniform(hidden, experts * num_classes)

    @staticmethod
    def _uniform(inputs: int, *shape: int) -> nn.Parameter:
        return nn.Parameter(torch.empty(shape).uniform_(-(inputs**-0.5), inputs**-0.5))

    def __len__(self) -> int:
        return len(self.first) // self.hidden

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = functional.linear(x, self.first, self.first_bias).relu_()
        hidden = hidden.unflatten(1, (len(self), self.hidden))
        second = self.second.unflatten(0, (len(self), self.num_classes))
        bias = self.second_bias.unflatten(0, (len(self), self.num_classes))
        return torch.einsum("beh,ech->bec", hidden, second) + bias

    def alone(self, x: torch.Tensor) -> list[Callable[[], torch.Tensor]]:
        """For each expert by itself, what gives its part of `forward`: (B, C)."""

        def run(
            first: torch.Tensor, bias: torch.Tensor, second: torch.Tensor, last: torch.Tensor
        ) -> Callable[[], torch.Tensor]:
            return lambda: functional.linear(
                functional.linear(x, first, bias).relu_(), second, last
            )

        parameters = (self.first, self.first_bias, self.second, self.second_bias)
        parts = [parameter.chunk(len(self)) for parameter in parameters]
        return [run(*part) for part in zip(*parts, strict=True)]


class GrowingRouter(nn.Module):
    """Scores the experts: (B, D) → (B, E) logits. Expert 0 begins with a bias of its own.

    `offset` (E,) is added where experts are chosen, not where they are weighed: with a rate above
    zero every training batch moves it by that much towards even use, up for experts that fewer
    images than the mean chose and down for the others (loss-free balancing, arXiv 2408.15664).
    """

    def __init__(self, features: int, experts: int, first_bias: float, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.score = nn.Linear(features, experts)
        with torch.no_grad():
            self.score.bias.zero_()[0] = first_bias
        self.register_buffer("offset", torch.zeros(experts))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with full_precision(x):
            scores: torch.Tensor = self.score(x.to(self.score.weight.dtype))
        return scores

    def choose(self, probs: torch.Tensor, k: int) -> torch.Tensor:
        """Probabilities (B, E) → whether each expert is among the k chosen (B, E), of equals the
        first."""
        ranked = (probs + self.offset).argsort(dim=1, descending=True, stable=True)
        chosen = torch.zeros_like(probs, dtype=torch.bool).scatter(1, ranked[:, :k], True)
        if self.training and self.rate > 0:
            with torch.no_grad():
                used = chosen.to(probs.dtype).mean(dim=0)
                self.offset += self.rate * (used.mean() - used).sign()
        return chosen


class GrowingMixture(nn.Module):
    """A top-k mixture of MLPs on the features of a stem: (B, channels, H, W) → (B, C) logits.

    Weights are the chosen experts' probabilities, renormalised. Every expert runs on all images.
    """

    def __init__(
        self, stem: nn.Module, experts: StackedExperts, router: GrowingRouter, k: int
    ) -> None:
        super().__init__()
        self.stem = stem
        self.experts = experts
        self.router = router
        self.k = k

    @property
    def expert_names(self) -> list[tuple[str, str]]:
        return [("expert", str(n)) for n in range(len(self.experts))]

    def parts(self) -> dict[str, list[nn.Module]]:
        return {"gate": [self.router], "experts": [self.experts]}

    def structure(self) -> dict[str, int]:
        """What `build` needs to make the network as it is now."""
        return {"experts": len(self.experts)}

    def routed(self, x: torch.Tensor) -> RoutedOutput:
        features = self.stem(x)
        gate_logits = self.router(features)
        probs = gate_logits.softmax(dim=1)
        chosen = self.router.choose(probs, min(self.k, len(self.experts)))
        kept = probs * chosen
        weights = kept / kept.sum(dim=1, keepdim=True)
        expert_logits = self.experts(features)
        logits = (weights.to(expert_logits.dtype).unsqueeze(2) * expert_logits).sum(dim=1)
        routing = Routing("experts", gate_logits, probs, weights, chosen, chosen)
        return RoutedOutput(logits, (routing,), expert_logits)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.routed(x).logits

    @torch.no_grad()
    def grow(
        self, parent: int, *, noise: float = 0.0, fresh: bool = False, seed: int = 0
    ) -> list[tuple[nn.Parameter, nn.Parameter]]:
        """Adds an expert after the last; each parameter and the larger one in its place.

        A copy of the parent, with Gaussian noise of `noise` standard deviations of each parameter.
        Both get the parent's router bias − ln 2: with the same scores they have its probability
        together, so that without noise the soft mixture stays as it is. A fresh one is noise of one
        standard deviation, its router weights of a tenth, and has no router bias.
        """
        generator = torch.Generator().manual_seed(seed)
        score, count = self.router.score, len(self.experts)
        score.bias[parent] -= 0.0 if fresh else math.log(2)
        pairs = []
        for module in (self.experts, score):
            for name, old in list(module.named_parameters(recurse=False)):
                size = len(old) // count
                row = old[parent * size : (parent + 1) * size].clone()
                spread = old.std() * torch.randn(row.shape, generator=generator).to(old)
                if fresh:
                    row = spread * {score.weight: 0.1, score.bias: 0.0}.get(old, 1.0)
                elif old is not score.bias:
                    row += noise * spread
                new = nn.Parameter(torch.cat([old, row]))
                setattr(module, name, new)
                pairs.append((old, new))
        score.out_features = count + 1
        self.router.offset = torch.cat([self.router.offset, self.router.offset[:1] * 0])
        return pairs


def build(num_classes: int, structure: dict[str, int] | None = None) -> nn.Module:
    """The model, untrained, with the number of experts that a structure has: (B, 3, H, W) →
    (B, num_classes) logits."""
    count = 2 if structure is None else structure["experts"]
    backbone = ResNet18(channels=3, width=8)
    stem = nn.Sequential(backbone, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    features = backbone.features
    experts = StackedExperts(count, features, 5, num_classes)
    router = GrowingRouter(features, count, first_bias=0.0, rate=0.0)
    return GrowingMixture(stem, experts, router, k=2)
