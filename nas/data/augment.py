"""Augmentation of whole batches on the device, drawn independently for every image.

All parameters are drawn on the CPU from one generator, a few numbers per image, so a seed gives the
same batches on every device, up to rounding. Pixels stay on their device.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import torch
from torch import Tensor

from nas.compute import sent

Augment = Literal["none", "light", "standard", "strong"]
"""none; light: random crop, and mirroring if it preserves the class; standard: light, and random
brightness, contrast and saturation, and erasing; strong: `distort` and `erase_with_noise`, which
treat one image at a time and so take far longer."""

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


def distort(
    images: Tensor,
    *,
    size: int,
    mirror: bool,
    fill: Sequence[float],
    generator: torch.Generator,
) -> Tensor:
    """Random crops of 8 to 100 % of the area, enlarged; some mirrored, grey, or changed in colour;
    and two operations of RandAugment on each (arXiv 1909.13719).

    uint8 `(B, C, H, W)` with 1 or 3 channels → uint8 `(B, C, size, size)`. What is done, in which
    order and how strongly, is that of `mirkzx04/Positional_Convolution_Experts` for Tiny ImageNet,
    with two exceptions: nothing is mirrored without `mirror`, and where a rotation, shear or
    translation leaves the image, its colour is `fill` `(C,)` in 0…255 instead of black. torchvision
    leaves the hue and saturation of images with 1 channel as they are.
    """
    from torchvision.transforms import v2  # takes a second, which only this augmentation needs

    change = v2.Compose(
        [
            v2.RandomResizedCrop(size, interpolation=v2.InterpolationMode.BICUBIC),
            *([v2.RandomHorizontalFlip(0.5)] if mirror else []),
            v2.RandomGrayscale(0.1),
            v2.ColorJitter(brightness=0.4, contrast=0.4, saturation=0.4, hue=0.1),
            v2.RandAugment(num_ops=2, magnitude=9, fill=list(fill)),
        ]
    )
    with _global_draws_from(generator):
        # One by one: torchvision draws one set of parameters for all images of a tensor.
        return torch.stack([change(image) for image in images])


def erase_with_noise(images: Tensor, *, generator: torch.Generator) -> Tensor:
    """Sets a random rectangle to Gaussian noise in a random quarter of the images, as `distort`'s
    source does: 2 to 33 % of the area, its height 0.3 to 3.3 times its width.

    `(B, C, H, W)` normalised floats → the same.
    """
    from torchvision.transforms import v2

    change = v2.RandomErasing(ERASE_PROBABILITY, value="random")
    with _global_draws_from(generator):
        return torch.stack([change(image) for image in images])


@contextmanager
def _global_draws_from(generator: torch.Generator) -> Iterator[None]:
    """Inside, torch's global CPU generator, which torchvision draws from, continues `generator`'s
    sequence. Afterwards `generator` continues where it ended, and the global one as if unused."""
    with torch.random.fork_rng(devices=()):
        torch.set_rng_state(generator.get_state())
        yield
        generator.set_state(torch.get_rng_state())
