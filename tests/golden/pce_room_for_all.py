"""A hierarchical Mixture of 2 convolutional experts, routed patch by patch.

After "Positional Convolution Experts" (github.com/mirkzx04/Positional_Convolution_Experts).

Made for images of 32×32 pixels and 3 channels. Needs torch, nothing else:

    model = build(num_classes=10)
    logits = model(images)  # (B, 3, 32, 32) → (B, 10)

Shapes: B batch, T tokens of an image, N = B·T tokens, p a patch's side, E experts,
C channels, or classes where they are logits.
"""

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional


def unfold(x: torch.Tensor, patch: int) -> torch.Tensor:
    """A map (B, C, H, W) → its patches (N, C, p, p): image by image, and row by row in each."""
    batch, channels, height, width = x.shape
    tokens = x.reshape(batch, channels, height // patch, patch, width // patch, patch)
    return tokens.permute(0, 2, 4, 1, 3, 5).reshape(-1, channels, patch, patch)


def fold(tokens: torch.Tensor, height: int, width: int) -> torch.Tensor:
    """Patches (N, C, p, p) → the map (B, C, H, W) that they are from."""
    _, channels, patch, _ = tokens.shape
    x = tokens.reshape(-1, height // patch, width // patch, channels, patch, patch)
    return x.permute(0, 3, 1, 4, 2, 5).reshape(-1, channels, height, width)


def fourier_positions(side: int) -> torch.Tensor:
    """Positions of the side² patches of a square map, row by row: (T, 18).

    x, y in [0, 1], and for each of them, c, sin(π·2^k·c) and cos(π·2^k·c) for k = 0…3.
    """
    steps = torch.linspace(0, 1, side)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    place = torch.stack([x, y], dim=-1).flatten(0, 1)
    angles = torch.pi * place.unsqueeze(2) * 2.0 ** torch.arange(4)
    waves = torch.cat([angles.sin(), angles.cos()], dim=2)
    return torch.cat([place, waves.flatten(1)], dim=1)


def norm_groups(channels: int) -> int:
    """How many groups GroupNorm has: 8, or what of it divides the channels."""
    return math.gcd(8, channels)


def convolve(tokens: torch.Tensor, weights: Sequence[torch.Tensor], experts: int) -> torch.Tensor:
    """GN(conv(SiLU(GN(conv(t))))) of each expert: (S, E·C, p, p), or (S, C, p, p) for every expert
    the same → (S, E·C, p, p)."""
    first, first_scale, first_shift, second, second_scale, second_shift = weights
    channels, padding = first.shape[1], first.shape[-1] // 2
    groups = experts * norm_groups(channels)
    y = functional.conv2d(tokens, first, padding=padding, groups=tokens.shape[1] // channels)
    y = functional.silu(functional.group_norm(y, groups, first_scale, first_shift))
    y = functional.conv2d(y, second, padding=padding, groups=experts)
    return functional.group_norm(y, groups, second_scale, second_shift)


def run_one(weights: Sequence[torch.Tensor], tokens: torch.Tensor) -> torch.Tensor:
    """One expert: (n, C, p, p) → (n, C, p, p)."""
    return tokens + convolve(tokens, weights, 1)


class ConvExperts(nn.Module):
    """E experts, each on its own tokens: t + GN(conv(SiLU(GN(conv(t))))).

    Their convolutions pad with zeros inside the patch, so they see nothing of the patches around.
    Expert e has channels e·C to (e+1)·C of every weight, which makes E convolutions one grouped
    convolution, and E GroupNorms one GroupNorm of E times the groups.
    """

    def __init__(self, channels: int, experts: int, kernel: int) -> None:
        super().__init__()
        self.channels = channels
        self.experts = experts
        width = experts * channels
        settings = {"padding": "same", "groups": experts, "bias": False}
        self.first = nn.Conv2d(width, width, kernel, **settings)
        self.first_norm = nn.GroupNorm(experts * norm_groups(channels), width)
        self.second = nn.Conv2d(width, width, kernel, **settings)
        self.second_norm = nn.GroupNorm(experts * norm_groups(channels), width)

    @property
    def weights(self) -> list[torch.Tensor]:
        """Each convolution's kernels (E·C, C, k, k), and its norm's scale and shift (E·C,)."""
        first, second = self.first_norm, self.second_norm
        return [
            *(self.first.weight, first.weight, first.bias),
            *(self.second.weight, second.weight, second.bias),
        ]

    def alone(
        self,
        tokens: torch.Tensor,
        expert: torch.Tensor | None = None,
        counts: list[int] | None = None,
    ) -> list[Callable[[], torch.Tensor]]:
        """For each expert by itself, what gives its part of `forward`: (n, C, p, p).

        All weights are split at once. Sliced for one expert after another, the gradient of each
        slice would be as large as that of all experts.
        """
        weights = zip(*(weight.chunk(self.experts) for weight in self.weights), strict=True)
        shares = [tokens] * self.experts
        if expert is None:
            shares = list(tokens.chunk(self.experts, dim=1))
        elif counts is not None:
            shares = list(tokens.index_select(0, expert.argsort(stable=True)).split(counts))
        return [partial(run_one, *part) for part in zip(weights, shares, strict=True)]

    def forward(
        self,
        tokens: torch.Tensor,
        expert: torch.Tensor | None = None,
        counts: list[int] | None = None,
    ) -> torch.Tensor:
        """(S, E·C, p, p) → (S, E·C, p, p).

        Or tokens (N, C, p, p) and each one's expert (N,) → (N, C, p, p): every expert runs on all
        of them or, if it is known how many each has, one after another on its own.
        """
        results = convolve(tokens, self.weights, self.experts)
        if expert is not None:
            rows = torch.arange(len(tokens), device=tokens.device)
            # Not a view as (N·E, C, p, p), which channels_last has none of.
            results = results.unflatten(1, (self.experts, -1))[rows, expert]
        return tokens + results


class Down(nn.Module):
    """Halves the map and changes its channels: (B, inputs, H, W) → (B, outputs, ⌈H/2⌉, ⌈W/2⌉)."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        groups = norm_groups(outputs)
        self.main = nn.Sequential(
            nn.Conv2d(inputs, outputs, 3, stride=2, padding=1, bias=False),
            nn.GroupNorm(groups, outputs),
            nn.SiLU(),
            nn.Conv2d(outputs, outputs, 3, padding=1, bias=False),
            nn.GroupNorm(groups, outputs),
        )
        self.shortcut = nn.Sequential(
            nn.Conv2d(inputs, outputs, 1, stride=2, bias=False), nn.GroupNorm(groups, outputs)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.silu(self.main(x) + self.shortcut(x))


class PCELayer(nn.Module):
    """A convolutional expert on every patch of the map: (B, C, H, W) → (B, C, H, W).

    With the patches T, O = T + γ·expert(T), R = fold(O) and a = SiLU(GN(R)), the result is
    R + a + post(a), where post is conv-GN-SiLU over the whole map.
    """

    def __init__(self, channels: int, patch: int, experts: ConvExperts) -> None:
        super().__init__()
        self.patch = patch
        self.experts = experts
        self.gamma = nn.Parameter(torch.tensor(0.01))
        self.norm = nn.GroupNorm(norm_groups(channels), channels)
        self.post = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.GroupNorm(norm_groups(channels), channels),
            nn.SiLU(),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = unfold(x, self.patch)
        return self.merge(tokens, self.experts(tokens), x)

    def merge(self, tokens: torch.Tensor, results: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
        """Tokens and their experts' results (N, C, p, p) → the layer's result, shaped as x."""
        merged = fold(torch.addcmul(tokens, self.gamma, results), *x.shape[2:])
        active = functional.silu(self.norm(merged))
        return merged + active + self.post(active)


def full_precision(x: torch.Tensor) -> torch.autocast:
    """A context without autocast on a tensor's device: bf16 rounds a router's logits, and a rounded
    logit can send an image to another expert."""
    # The meta device, on which costs are counted, has no autocast.
    return torch.autocast("cpu" if x.is_meta else x.device.type, enabled=False)


class PatchRouter(nn.Module):
    """Scores the experts for each token by what is in it and where it is: (N, C, p, p) → (N, E).

    Mean and maximum over the patch, both with the position, → LayerNorm → Linear → centred → over
    the temperature → clamped to ±10; in training plus noise, uniform in [0, noise). Experts see
    no positions. The settings that change in training are saved with the weights.
    """

    def __init__(self, channels: int, experts: int, positions: torch.Tensor) -> None:
        super().__init__()
        self.experts = experts
        self.register_buffer("positions", positions, persistent=False)
        numbers = torch.arange(experts)
        turns = torch.arange(len(positions)).unsqueeze(1) % experts == numbers
        self.register_buffer("numbers", numbers, persistent=False)
        self.register_buffer("turns", turns.to(positions.dtype), persistent=False)
        self.register_buffer("temperature", torch.tensor(2.0))
        self.register_buffer("noise", torch.tensor(0.05))
        self.register_buffer("round_robin", torch.tensor(0.0))
        features = 2 * (channels + positions.shape[1])
        self.norm = nn.LayerNorm(features)
        self.score = nn.Linear(features, experts)
        nn.init.xavier_uniform_(self.score.weight)
        nn.init.zeros_(self.score.bias)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        with full_precision(tokens):
            tokens = tokens.to(self.score.weight.dtype)
            images = len(tokens) // len(self.positions)
            where = self.positions.expand(images, -1, -1).flatten(0, 1)
            mean, peak = tokens.mean(dim=(2, 3)), tokens.amax(dim=(2, 3))
            scores = self.score(self.norm(torch.cat([mean, where, peak, where], dim=1)))
            scores = scores - scores.mean(dim=1, keepdim=True)
            logits: torch.Tensor = (scores / self.temperature).clamp(-10, 10)
            if self.training:
                logits = logits + self.noise * torch.rand_like(logits)
        return logits

    def choose(self, probs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Probabilities (N, E) → each token's expert (N,) and its probability (N,).

        The expert is the most probable one, of equals the first. While `round_robin` is above 0.5,
        token i goes to expert i mod E with the constant probability 1, which has no gradient. At
        evaluation i counts from the image's first token: an image's place in the batch does not
        matter.
        """
        if self.training:
            turn = torch.arange(len(probs), device=probs.device) % self.experts
            turns = (turn.unsqueeze(1) == self.numbers).to(probs.dtype)
        else:
            images = len(probs) // len(self.turns)
            turns = self.turns.expand(images, -1, -1).flatten(0, 1)
        best, expert = torch.where(self.round_robin > 0.5, turns, probs).max(dim=1)
        return expert, best


def unit_weight(probs: torch.Tensor) -> torch.Tensor:
    """p / stopgrad(p): 1, so that outputs do not jump when routing starts, but with a gradient."""
    return probs / probs.detach()


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


class RoutedLayer(PCELayer):
    """A PCE layer that sends each patch to the most probable of E experts.

    Every expert has places for all patches: all run on all of them, and none is dropped.
    """

    def __init__(
        self, name: str, channels: int, patch: int, experts: ConvExperts, router: PatchRouter
    ) -> None:
        super().__init__(channels, patch, experts)
        self.name = name
        self.router = router

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = unfold(x, self.patch)
        probs = self.router(tokens).softmax(dim=1)
        return self.merge(tokens, self.sparse_step(tokens, probs)[0], x)

    def routed(self, x: torch.Tensor) -> tuple[torch.Tensor, Routing]:
        """As `forward`, with the router's decisions."""
        tokens = unfold(x, self.patch)
        logits = self.router(tokens)
        probs = logits.softmax(dim=1)
        results, chosen, best = self.sparse_step(tokens, probs)
        weights = unit_weight(best).unsqueeze(1) * chosen
        routing = Routing(self.name, logits, probs, weights, chosen, chosen, chosen.numel())
        return self.merge(tokens, results, x), routing

    def sparse_step(self, tokens: torch.Tensor, probs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Tokens (N, C, p, p), probabilities (N, E) → their experts' results (N, C, p, p), and what
        was decided: chosen (N, E) and the chosen one's probability (N,).
        """
        expert, best = self.router.choose(probs)
        chosen = expert.unsqueeze(1) == self.router.numbers
        results = self.experts(tokens, expert)
        if best.requires_grad:  # without a gradient it would be a multiplication by 1
            results = results * unit_weight(best).to(tokens.dtype).view(-1, 1, 1, 1)
        return results, chosen, best


class PCENetwork(nn.Module):
    """Stem, blocks, mean over the map, classifier: (B, channels, H, W) → (B, C) logits."""

    def __init__(self, stem: nn.Module, blocks: list[nn.Module], head: nn.Module) -> None:
        super().__init__()
        self.stem = stem
        self.blocks = nn.ModuleList(blocks)
        self.head = head

    @property
    def routers(self) -> list[nn.Module]:
        return [block.router for block in self.blocks if isinstance(block, RoutedLayer)]

    def parts(self) -> dict[str, list[nn.Module]]:
        """The routers, and the experts of each."""
        layers = [block for block in self.blocks if isinstance(block, RoutedLayer)]
        return {
            "gate": [layer.router for layer in layers],
            "experts": [layer.experts for layer in layers],
        }

    def set_knobs(self, **values: float) -> None:
        """Sets every router's `temperature`, `noise` or `round_robin`."""
        unknown = values.keys() - {"temperature", "noise", "round_robin"}
        if unknown:
            raise TypeError(f"unknown settings: {', '.join(sorted(unknown))}")
        for router in self.routers:
            for name, value in values.items():
                getattr(router, name).fill_(value)

    def routed(self, x: torch.Tensor) -> RoutedOutput:
        """As `forward`, with the decisions of every layer that routes."""
        x = self.stem(x)
        layers = []
        for block in self.blocks:
            if isinstance(block, RoutedLayer):
                x, routing = block.routed(x)
                layers.append(routing)
            else:
                x = block(x)
        return RoutedOutput(self.head(x.mean(dim=(2, 3))), tuple(layers))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        logits: torch.Tensor = self.head(x.mean(dim=(2, 3)))
        return logits


def routed_layer(name: str, channels: int, patch: int, kernel: int) -> nn.Module:
    """A layer of 2 experts over 4×4 patches."""
    router = PatchRouter(channels, 2, fourier_positions(4))
    return RoutedLayer(name, channels, patch, ConvExperts(channels, 2, kernel), router)


def build(num_classes: int) -> nn.Module:
    """The model, untrained: (B, 3, H, W) → (B, num_classes) logits."""
    stem = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.SiLU(),
    )
    blocks: list[nn.Module] = [
        routed_layer("moe1", channels=8, patch=8, kernel=3),
        routed_layer("moe2", channels=8, patch=8, kernel=3),
        Down(8, 16),
        routed_layer("moe3", channels=16, patch=4, kernel=3),
        Down(16, 32),
        routed_layer("moe4", channels=32, patch=2, kernel=3),
    ]
    head = nn.Linear(32, num_classes)
    return PCENetwork(stem, blocks, head)
