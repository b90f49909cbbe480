"""ResNet-18 with a softmoe classifier head of 8 × 64 hidden units.

After "Mixture-of-Experts Models in Vision" (arXiv 2601.15021).

Made for images of 32×32 pixels and 3 channels. Needs torch, nothing else:

    model = build(num_classes=10)
    logits = model(images)  # (B, 3, 32, 32) → (B, 10)

Shapes: B batch, D features, E experts, S slots of each expert, T tokens, C classes.
"""

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


class SlotExperts(nn.Module):
    """Soft MoE (arXiv 2308.00951): (B, D, h, w) → (B, C) logits.

    Every slot is a weighted mean of all T = h·w tokens, every expert computes on its own slots, and
    every token's logits are a weighted mean of all slots'. Their mean over tokens is the output.
    Nothing is dropped, and an image does not depend on the others of its batch.
    """

    def __init__(
        self, features: int, experts: int, slots: int, hidden: int, num_classes: int
    ) -> None:
        super().__init__()
        self.experts = experts
        self.slots = nn.Parameter(torch.randn(features, experts * slots) * features**-0.5)
        self.scale = nn.Parameter(torch.ones(()))
        self.first = nn.Parameter(torch.randn(experts, features, hidden) * features**-0.5)
        self.first_bias = nn.Parameter(torch.zeros(experts, 1, hidden))
        self.second = nn.Parameter(torch.randn(experts, hidden, num_classes) * hidden**-0.5)
        self.second_bias = nn.Parameter(torch.zeros(experts, 1, num_classes))
        self.drop = nn.Dropout(0.1)

    def weights(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Tokens (B, T, D) → dispatch (B, T, E·S), whose columns sum to 1 over T, and combine
        (B, T, E·S), whose rows sum to 1 over the slots."""
        keys = self.scale * functional.normalize(self.slots, dim=0)
        logits = (functional.normalize(tokens, dim=-1) @ keys).float()
        return logits.softmax(dim=1).to(tokens.dtype), logits.softmax(dim=2).to(tokens.dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = x.flatten(2).transpose(1, 2)
        dispatch, combine = self.weights(tokens)
        slots = (dispatch.transpose(1, 2) @ tokens).unflatten(1, (self.experts, -1))
        hidden = self.drop((slots @ self.first + self.first_bias).relu())
        results = (hidden @ self.second + self.second_bias).flatten(1, 2)
        return (combine @ results).mean(dim=1)


def build(num_classes: int) -> nn.Module:
    """The model, untrained: (B, 3, H, W) → (B, num_classes) logits."""
    backbone = ResNet18(channels=3, width=16)
    experts = SlotExperts(
        backbone.features,
        experts=8,
        slots=1,
        hidden=64,
        num_classes=num_classes,
    )
    return nn.Sequential(backbone, experts)
