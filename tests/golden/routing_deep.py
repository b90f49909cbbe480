"""4 experts for domains of classes on a shared stem, and a deep router.

After BorisovAI's "Routing Experts on CIFAR-100: Why Specialization Doesn't Scale".

Made for images of 32×32 pixels and 3 channels. Needs torch, nothing else:

    model = build(num_classes=10)
    logits = model(images)  # (B, 3, 32, 32) → (B, 10)

Shapes: B batch, K experts that an image chose, F channels of the stem's map, h × w its size,
E experts, C classes.
"""

from collections.abc import Callable, Sequence
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


def choose(probs: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Gate probabilities (B, E) → weights (B, K) and experts (B, K) of the k most probable.

    Weights are renormalised, so they sum to 1 and the only weight of top-1 is 1. The divisor is
    a constant to the gradient (p / stopgrad(p)): divided by itself, top-1's weight would have
    no gradient, and the gate would learn nothing from the task. Of equals the first expert wins.
    """
    ranked, experts = probs.sort(dim=1, descending=True, stable=True)
    ranked, experts = ranked[:, :k], experts[:, :k]
    return ranked / ranked.sum(dim=1, keepdim=True).detach(), experts


def dispatch(
    experts: Sequence[Callable[[torch.Tensor], torch.Tensor]],
    x: torch.Tensor,
    weights: torch.Tensor,
    chosen: torch.Tensor,
) -> torch.Tensor:
    """Images (B, …), weights (B, K), chosen experts (B, K) → (B, C) weighted sums of outputs.

    The B·K (image, expert) pairs are sorted by expert, each expert runs once on its own images
    and the results go back to their places. An expert that nobody chose does not run. The batch
    is read back from the device once.
    """
    batch, k = chosen.shape
    pairs = chosen.flatten()
    order = pairs.argsort(stable=True)
    # Not bincount: on a GPU that reads back twice before it counts.
    every = torch.arange(len(experts), device=pairs.device)
    counts = (pairs == every.unsqueeze(1)).sum(dim=1).tolist()
    # Indexing keeps channels_last strides; index_select would not.
    shares = x[order // k].split(counts)
    results = torch.cat(
        [expert(share) for expert, share in zip(experts, shares, strict=True) if len(share)]
    )
    results = torch.empty_like(results).index_copy(0, order, results).unflatten(0, (batch, k))
    return (weights.unsqueeze(2) * results).sum(dim=1)


def convolution(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    """3×3 convolution, BatchNorm, ReLU: (B, inputs, H, W) → (B, outputs, H/stride, W/stride)."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
    )


class DomainRouter(nn.Module):
    """Scores the experts by the stem's pooled map: (B, F, h, w) → (B, E) logits."""

    def __init__(self, channels: int, experts: int, hidden: int) -> None:
        super().__init__()
        self.score: nn.Module = nn.Linear(channels, experts)
        if hidden:
            self.score = nn.Sequential(
                nn.Linear(channels, hidden), nn.ReLU(), nn.Linear(hidden, experts)
            )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        with full_precision(features):
            features = features.to(next(self.parameters()).dtype)
            scores: torch.Tensor = self.score(features.mean(dim=(2, 3)))
        return scores


class Experts(nn.ModuleList):
    """Networks on the stem's map: (B, F, h, w) → (B, E, C) logits."""

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return torch.stack([expert(features) for expert in self], dim=1)

    def alone(self, features: torch.Tensor) -> list[Callable[[], torch.Tensor]]:
        """For each expert by itself, what gives its part of `forward`: (B, C)."""
        return [partial(expert, features) for expert in self]


class DomainMixture(nn.Module):
    """Expert e is meant for the classes of domain e, and the router is to find out which that is.

    In training the router's probabilities weigh the experts' logits; at evaluation the most
    probable expert answers alone. `class_domain` (C,) is the domain of each class, −1 until
    training has set it: no output depends on it.
    """

    def __init__(
        self, stem: nn.Module, experts: list[nn.Module], router: nn.Module, num_classes: int
    ) -> None:
        super().__init__()
        self.stem = stem
        self.experts = Experts(experts)
        self.router = router
        self.expert_names = [("domain", str(n)) for n in range(len(experts))]
        self.register_buffer("class_domain", torch.full((num_classes,), -1))

    def parts(self) -> dict[str, list[nn.Module]]:
        return {"gate": [self.router], "experts": [self.experts]}

    def routed(self, x: torch.Tensor) -> RoutedOutput:
        """Runs every expert on every image."""
        features = self.stem(x)
        gate_logits = self.router(features)
        probs = gate_logits.softmax(dim=1)
        chosen = torch.ones_like(probs, dtype=torch.bool)
        weights = probs
        if not self.training:
            chosen = torch.zeros_like(chosen).scatter(1, probs.argmax(dim=1, keepdim=True), True)
            weights = chosen.to(probs.dtype)
        expert_logits = self.experts(features)
        logits = (weights.to(expert_logits.dtype).unsqueeze(2) * expert_logits).sum(dim=1)
        routing = Routing("router", gate_logits, probs, weights, chosen, chosen)
        return RoutedOutput(logits, (routing,), expert_logits)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """At evaluation every expert runs on the images that chose it alone."""
        if self.training:
            return self.routed(x).logits
        features = self.stem(x)
        weights, chosen = choose(self.router(features).softmax(dim=1), k=1)
        return dispatch(list(self.experts), features, weights, chosen)


def build_expert(num_classes: int) -> nn.Module:
    """One expert, untrained: the stem's map → (B, num_classes) logits."""
    return nn.Sequential(
        ResidualBlock(32, 64, stride=2),
        ResidualBlock(64, 64, stride=1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, num_classes),
    )


def build(num_classes: int) -> nn.Module:
    """The model, untrained: (B, 3, H, W) → (B, num_classes) logits."""
    # The first three of ResNet-18's groups; each expert has the last one of its own.
    backbone = ResNet18(channels=3, width=8)
    stem = nn.Sequential(backbone.stem, *list(backbone.blocks)[:6])
    experts = [build_expert(num_classes) for _ in range(4)]
    router = DomainRouter(32, 4, hidden=64)
    return DomainMixture(stem, experts, router, num_classes)
