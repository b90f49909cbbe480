"""ResNet-18 of width 8, the dense baseline of the hierarchical Mixture of Experts.

After "Positional Convolution Experts" (github.com/mirkzx04/Positional_Convolution_Experts).

Made for images of 32×32 pixels and 3 channels. Needs torch, nothing else:

    model = build(num_classes=10)
    logits = model(images)  # (B, 3, 32, 32) → (B, 10)

Shapes: B batch, D features, C classes.
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


def build(num_classes: int) -> nn.Module:
    """The model, untrained: (B, 3, H, W) → (B, num_classes) logits."""
    backbone = ResNet18(channels=3, width=8)
    # The stem of large images, for torchvision's resnet18: a stride of 4 in all.
    backbone.stem = nn.Sequential(
        nn.Conv2d(3, 8, 7, stride=2, padding=3, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1),
    )
    head = nn.Linear(backbone.features, num_classes)
    return nn.Sequential(backbone, nn.AdaptiveAvgPool2d(1), nn.Flatten(), head)
