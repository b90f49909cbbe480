"""Procedural images with known structure: 16 classes in 4 domains that ask for different eyes.

    class 0–3    orientation   a sinusoidal grating at 0°, 45°, 90°, 135°
    class 4–7    texture       noise of one spatial frequency, 2, 4, 6 or 8 cycles an image
    class 8–11   shape         a filled disc, square, triangle or cross
    class 12–15  colour        smooth blobs of one hue: red, yellow-green, cyan, violet

Within a class everything else is random: phase, place, size, contrast, colour. `domain` is the
ground truth a router's specialisation is measured against. With one channel the colour domain
keeps only differences of brightness.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.data.raw import Pool, Raw

DOMAINS = ("orientation", "texture", "shape", "colour")
CLASSES_PER_DOMAIN = 4
IMAGES_PER_CLASS = 150
SIZE = 32

Array = NDArray[np.float64]
_Y, _X = np.mgrid[0:SIZE, 0:SIZE] / SIZE - 0.5


def domain(label: int) -> int:
    """Index into DOMAINS of a class."""
    return label // CLASSES_PER_DOMAIN


def check(where: Path) -> None:
    """It is made, not read."""


def num_classes(where: Path) -> int:
    return len(DOMAINS) * CLASSES_PER_DOMAIN


def read(where: Path) -> Raw:
    """2,400 images `(3, 32, 32)`, the same every time; split 60/20/20 by the task's seed."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(num_classes(where)), IMAGES_PER_CLASS)
    images = np.stack([_draw(int(label), rng) for label in labels])
    noisy = images + rng.normal(0, 0.03, images.shape)
    kinds = ("0°", "45°", "90°", "135°"), ("2", "4", "6", "8"), _SHAPES, _HUES
    return Raw(
        class_names=tuple(
            f"{name} {kind}" for name, row in zip(DOMAINS, kinds, strict=True) for kind in row
        ),
        train=Pool(np.rint(noisy.clip(0, 1) * 255).astype(np.uint8), labels.astype(np.int64)),
        val_share=0.2,
        test_share=0.2,
        mirror=False,  # a mirrored 45° grating is a 135° one
    )


def _draw(label: int, rng: np.random.Generator) -> Array:
    """One image `(3, SIZE, SIZE)` with values around [0, 1]."""
    kind = label % CLASSES_PER_DOMAIN
    match DOMAINS[domain(label)]:
        case "orientation":
            return _tint(_grating(kind * np.pi / 4, rng), rng)
        case "texture":
            return _tint(_band(2.0 * (kind + 1), rng), rng)
        case "shape":
            return _tint(_shape(kind, rng), rng)
        case _:
            hue = (kind + rng.uniform(-0.15, 0.15)) / CLASSES_PER_DOMAIN
            luma = 0.5 + 0.4 * _band(1.5, rng)
            return luma * _rgb(hue)[:, None, None]


def _tint(pattern: Array, rng: np.random.Generator) -> Array:
    """A pattern in [-1, 1] drawn between two random colours at least 0.4 apart in brightness."""
    dark, light = rng.uniform(0, 0.3, 3), rng.uniform(0.7, 1, 3)
    ends = (dark, light) if rng.random() < 0.5 else (light, dark)
    mix = (pattern + 1) / 2
    return ends[0][:, None, None] * (1 - mix) + ends[1][:, None, None] * mix


def _grating(angle: float, rng: np.random.Generator) -> Array:
    angle += rng.uniform(-0.15, 0.15)
    cycles, phase = rng.uniform(3, 6), rng.uniform(0, 2 * np.pi)
    wave = np.cos(angle) * _X + np.sin(angle) * _Y
    return np.asarray(np.sin(2 * np.pi * cycles * wave + phase))


def _band(cycles: float, rng: np.random.Generator) -> Array:
    """Isotropic noise whose energy lies around one spatial frequency, scaled to [-1, 1]."""
    f = np.fft.fftfreq(SIZE, 1 / SIZE)
    radius = np.hypot(f[:, None], f[None, :])
    passed = np.exp(-(((radius - cycles) / 0.7) ** 2))
    noise = np.fft.ifft2(np.fft.fft2(rng.normal(size=(SIZE, SIZE))) * passed).real
    return np.asarray(noise / np.abs(noise).max())


_SHAPES = ("disc", "square", "triangle", "cross")
_HUES = ("red", "yellow-green", "cyan", "violet")


def _shape(kind: int, rng: np.random.Generator) -> Array:
    r = rng.uniform(0.2, 0.35)
    cx, cy = rng.uniform(-0.5 + r, 0.5 - r, 2)
    x, y = (_X - cx) / r, (_Y - cy) / r
    match _SHAPES[kind]:
        case "disc":
            inside = np.hypot(x, y) < 1
        case "square":
            inside = np.maximum(np.abs(x), np.abs(y)) < 0.9
        case "triangle":
            inside = (y < 0.8) & (2 * np.abs(x) < y + 1)
        case _:
            inside = (np.minimum(np.abs(x), np.abs(y)) < 0.3) & (
                np.maximum(np.abs(x), np.abs(y)) < 1
            )
    return np.where(inside, 1.0, -1.0)


def _rgb(hue: float) -> Array:
    """Full saturation and value; hue in turns (the usual HSV formula)."""
    shifted = np.array([hue, hue - 1 / 3, hue - 2 / 3])
    distance = np.abs((shifted + 0.5) % 1 - 0.5) * 6
    return np.asarray((2 - distance).clip(0, 1))
