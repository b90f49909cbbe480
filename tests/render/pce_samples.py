"""Networks of convolutional experts, rendered and built small."""

from typing import Any

import torch
from render_samples import candidate, execute

from nas.render import render

CAPACITIES = ("per_image", "batch", "none")
SMALL = {"width": 8}
TOKENS = 16
"""Of an image in each layer: 4 × 4 patches."""


def source(image_size: int = 32, **choices: Any) -> str:
    return render(candidate("pce", {}).with_(image_size=image_size, choices=choices))


def built(classes: int = 10, **choices: Any) -> Any:
    torch.manual_seed(0)
    return execute(source(**SMALL | choices)).build(classes)
