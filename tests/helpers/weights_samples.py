"""Checkpoints of small networks, as timm writes them, and members that name them."""

from pathlib import Path
from typing import Any

import timm
import torch
from timm.models._hub import save_for_hf

from nas.schema import Member, Weights

LABELS = 7
"""Outputs of their own classifiers."""
INPUTS: dict[str, Any] = {
    "input_size": (3, 32, 32),
    "crop_pct": 0.8,
    "interpolation": "bilinear",
    "mean": (0.4, 0.5, 0.6),
    "std": (0.2, 0.3, 0.4),
}
"""Unlike those of any of timm's own."""


def checkpoint(folder: Path, model: str = "test_resnet", seed: int = 0, **args: Any) -> Path:
    """Writes `folder/MODEL.mine` with seeded random weights; returns it."""
    torch.manual_seed(seed)
    network = timm.create_model(model, num_classes=LABELS, **args)
    network.pretrained_cfg = network.pretrained_cfg | INPUTS | {"license": "mit", "tag": "mine"}
    path = folder / f"{model}.mine"
    save_for_hf(network, str(path), model_args=args, safe_serialization=True)
    return path


def member(model: str = "test_resnet", weights: str = "", **args: Any) -> Member:
    return Member(model=model, args=args, weights=Weights(name=weights or f"{model}.mine"))
