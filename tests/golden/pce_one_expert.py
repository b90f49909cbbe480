"""The hierarchical network of convolutional experts with one expert a layer, and so no router.

After "Positional Convolution Experts" (github.com/mirkzx04/Positional_Convolution_Experts).

Made for images of 32×32 pixels and 3 channels. Needs torch, nothing else:

    model = build(num_classes=10)
    logits = model(images)  # (B, 3, 32, 32) → (B, 10)

Shapes: B batch, N tokens of all its images together, p a patch's side,
C channels, or classes where they are logits.
"""

import math
from collections.abc import Sequence

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


def build(num_classes: int) -> nn.Module:
    """The model, untrained: (B, 3, H, W) → (B, num_classes) logits."""
    stem = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.SiLU(),
    )
    blocks: list[nn.Module] = [
        PCELayer(8, 8, ConvExperts(8, experts=1, kernel=3)),
        PCELayer(8, 8, ConvExperts(8, experts=1, kernel=3)),
        Down(8, 16),
        PCELayer(16, 4, ConvExperts(16, experts=1, kernel=3)),
        Down(16, 32),
        PCELayer(32, 2, ConvExperts(32, experts=1, kernel=3)),
    ]
    head = nn.Linear(32, num_classes)
    return nn.Sequential(stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
