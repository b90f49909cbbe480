"""ResNet-18 with a sparse classifier head of 8 × 64 hidden units.

After "Mixture-of-Experts Models in Vision" (arXiv 2601.15021).

Made for images of 32×32 pixels and 3 channels. Needs torch, nothing else:

    model = build(num_classes=10)
    logits = model(images)  # (B, 3, 32, 32) → (B, 10)

Shapes: B batch, D features, E experts, K top-k, C classes.
"""

from collections.abc import Callable, Sequence
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


def mlp(features: int, hidden: int, num_classes: int) -> nn.Module:
    """An expert, or with all their hidden units the dense head: (B, D) → (B, C) logits."""
    return nn.Sequential(
        nn.Linear(features, hidden),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Linear(hidden, num_classes),
    )


class NoisyGate(nn.Module):
    """Scores the experts, in training with noise of a learned size: (B, D) → (B, E) logits.

    H(x) = x·W + ε·softplus(x·V) with ε ~ N(0, 1) (arXiv 1701.06538, equation 4).
    """

    def __init__(self, features: int, experts: int) -> None:
        super().__init__()
        self.register_buffer("temperature", torch.ones(()), persistent=False)
        self.drop = nn.Dropout(0.1)
        self.score = nn.Linear(features, experts, bias=False)
        self.noise = nn.Linear(features, experts, bias=False)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        features = self.drop(features)
        scores: torch.Tensor = self.score(features).float()
        if not self.training:
            return scores
        deviation = functional.softplus(self.noise(features).float())
        return scores + deviation * torch.randn_like(deviation)


def top_k(probs: torch.Tensor, k: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Gate probabilities (B, E) → weights (B, K) and experts (B, K) of the k most probable.

    The weights are the softmax of the k largest logits (arXiv 1701.06538, equation 3). Of equals
    the first expert wins.
    """
    ranked, experts = probs.sort(dim=1, descending=True, stable=True)
    ranked = ranked[:, :k]
    return ranked / ranked.sum(dim=1, keepdim=True), experts[:, :k]


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


class Pooled(nn.Module):
    """The backbone's features, averaged over the map: (B, 3, H, W) → (B, D)."""

    def __init__(self, backbone: ResNet18) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.backbone(x).mean(dim=(2, 3))


class HeadMixture(Mixture):
    """A mixture of MLP experts on the features of one backbone."""

    def __init__(
        self,
        features: nn.Module,
        experts: list[nn.Module],
        gate: nn.Module,
        expert_names: list[tuple[str, str]],
    ) -> None:
        super().__init__(experts, gate, expert_names)
        self.features = features

    def weigh(self, probs: torch.Tensor) -> torch.Tensor:
        weights, chosen = top_k(probs, 2)
        return torch.zeros_like(probs).scatter(1, chosen, weights)

    def mixture(self, x: torch.Tensor) -> MixtureOutput:
        """Runs the backbone once, and every expert on its features."""
        return super().mixture(self.features(x))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """At evaluation an expert runs on the images that chose it, and on no others."""
        if self.training:
            return self.mixture(x).logits
        features = self.features(x)
        weights, chosen = top_k(self.gate(features).softmax(dim=1), 2)
        return dispatch(self.experts, features, weights, chosen)


def build(num_classes: int) -> nn.Module:
    """The model, untrained: (B, 3, H, W) → (B, num_classes) logits."""
    backbone = ResNet18(channels=3, width=16)
    experts = [mlp(backbone.features, 64, num_classes) for _ in range(8)]
    gate = NoisyGate(backbone.features, 8)
    names = [("expert", str(n)) for n in range(8)]
    return HeadMixture(Pooled(backbone), experts, gate, names)
