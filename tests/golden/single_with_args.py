"""One timm model for images, by itself: test_vit of the family ViT.

Made for images of 32×32 pixels and 3 channels. Needs torch and timm, nothing else:

    model = build(num_classes=10)
    logits = model(images)  # (B, 3, 32, 32) → (B, 10)

Shapes: B batch, C classes.
"""

from typing import Any

import timm
from torch import nn

EXPERTS: list[tuple[str, str, dict[str, Any]]] = [
    # family, timm model, its arguments
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


def build(num_classes: int) -> nn.Module:
    """The model, untrained: (B, 3, H, W) → (B, num_classes) logits."""
    [(_, model, args)] = EXPERTS
    return build_expert(model, num_classes, args)
