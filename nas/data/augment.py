"""Augmentation of whole batches on the device, drawn independently for every image.

All parameters are drawn on the CPU from one generator, a few numbers per image, so a seed gives the
same batches on every device. Pixels stay on their device.
"""

from typing import Literal

import torch
from torch import Tensor

from nas.compute import sent

Augment = Literal["none", "light", "standard"]
"""none; light: random crop, and mirroring if it preserves the class; standard: light, and random
brightness, contrast and saturation, and erasing."""

JITTER = 0.4
ERASE_PROBABILITY = 0.25


def crop(
    images: Tensor, index: Tensor, *, shift: int, mirror: bool, generator: torch.Generator
) -> Tensor:
    """Random crops of reflect-padded images, some of them mirrored.

    `images` `(N, C, H, W)`, `index` `(B,)` on their device → `(B, C, H, W)` of the same type.
    Shifts each image by up to `shift` < min(H, W) pixels in both directions, and with `mirror`
    flips it left to right with probability ½. One gather: padded images are never stored.
    """
    batch, (channels, height, width) = len(index), images.shape[1:]
    moves = torch.randint(-shift, shift + 1, (2, batch), generator=generator)
    rows = _reflect(torch.arange(height) + moves[0, :, None], height)
    columns = _reflect(torch.arange(width) + moves[1, :, None], width)
    if mirror:
        flipped = torch.rand(batch, generator=generator) < 0.5
        columns = torch.where(flipped[:, None], columns.flip(1), columns)
    rows, columns = sent(rows, images.device), sent(columns, images.device)
    return images[
        index[:, None, None, None],
        torch.arange(channels, device=images.device)[None, :, None, None],
        rows[:, None, :, None],
        columns[:, None, None, :],
    ]


def _reflect(position: Tensor, size: int) -> Tensor:
    """Mirrors positions outside [0, size) at the border pixels, which are not repeated."""
    return (size - 1) - ((size - 1) - position.abs()).abs()


def jitter(images: Tensor, *, generator: torch.Generator) -> Tensor:
    """Random brightness, contrast and, for colour images, saturation; values stay in [0, 1].

    `(B, C, H, W)` floats in [0, 1] → the same. Each factor is uniform in 1 ± JITTER.
    """
    factors = 1 + JITTER * (2 * torch.rand(3, len(images), 1, 1, 1, generator=generator) - 1)
    brightness, contrast, saturation = sent(factors, images.device)
    images = images * brightness
    middle = images.mean(dim=(1, 2, 3), keepdim=True)
    images = middle + contrast * (images - middle)
    if images.shape[1] == 3:
        grey = images.mean(dim=1, keepdim=True)
        images = grey + saturation * (images - grey)
    return images.clamp(0, 1)


def erase(images: Tensor, *, generator: torch.Generator) -> Tensor:
    """Sets a random rectangle to 0 in a random quarter of the images (arXiv 1708.04896).

    `(B, C, H, W)` normalised floats, so 0 is the mean colour → the same. A rectangle's sides are
    uniform between ⅛ and ½ of the image's.
    """
    batch, _, height, width = images.shape
    draw = torch.rand(5, batch, 1, generator=generator)
    chosen = draw[4] < ERASE_PROBABILITY
    inside = []
    for size, length, start in ((height, draw[0], draw[1]), (width, draw[2], draw[3])):
        span = (length * 0.375 + 0.125) * size
        first = start * (size - span)
        position = torch.arange(size) + 0.5
        inside.append((position > first) & (position < first + span))
    hole = inside[0][:, :, None] & inside[1][:, None, :] & chosen[:, :, None]
    return images.masked_fill(sent(hole[:, None], images.device), 0.0)
