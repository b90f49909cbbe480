"""Procedural images with known structure: 16 classes in 4 domains that need different features.

    class 0–3    orientation   a sinusoidal grating at 0°, 45°, 90°, 135°
    class 4–7    texture       noise of one spatial frequency, 2, 4, 6 or 8 cycles an image
    class 8–11   shape         a filled disc, square, triangle or cross
    class 12–15  colour        smooth blobs of one hue: red, yellow-green, cyan, violet

Within a class everything else is random: phase, position, size, contrast, colour. `domain` is the
ground truth for measuring a router's specialisation. With one channel, the colour domain has only
differences of brightness.
"""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from nas.data.raw import Pool, Raw
from nas.data.sources.base import Source

DOMAINS = ("orientation", "texture", "shape", "colour")
CLASSES_PER_DOMAIN = 4
IMAGES_PER_CLASS = 100
SIZE = 32

Array = NDArray[np.float64]
_Y, _X = np.mgrid[0:SIZE, 0:SIZE] / SIZE - 0.5


def domain(label: int) -> int:
    """Index into DOMAINS of a class."""
    return label // CLASSES_PER_DOMAIN


class Synthetic(Source):
    """100 images of each class, drawn from a fixed seed."""

    about = "16 procedural classes in 4 domains, with known structure"
    images = len(DOMAINS) * CLASSES_PER_DOMAIN * IMAGES_PER_CLASS
    domains = len(DOMAINS)

    def num_classes(self, where: Path) -> int:
        return len(DOMAINS) * CLASSES_PER_DOMAIN

    def read(self, where: Path) -> Raw:
        """1,600 images `(3, 32, 32)`, the same every time; split 60/20/20 by the task's seed."""
        rng = np.random.default_rng(0)
        labels = np.repeat(np.arange(self.num_classes(where)), IMAGES_PER_CLASS)
        images = np.concatenate([_draw(label, rng) for label in range(self.num_classes(where))])
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
            class_domains=tuple(domain(label) for label in range(self.num_classes(where))),
        )


def _draw(label: int, rng: np.random.Generator) -> Array:
    """All images of a class `(N, 3, SIZE, SIZE)`, values around [0, 1]."""
    kind = label % CLASSES_PER_DOMAIN
    match DOMAINS[domain(label)]:
        case "orientation":
            return _tint(_grating(kind * np.pi / 4, rng), rng)
        case "texture":
            return _tint(_band(2.0 * (kind + 1), rng), rng)
        case "shape":
            return _tint(_shape(kind, rng), rng)
        case _:
            hue = (kind + _uniform(rng, -0.15, 0.15)) / CLASSES_PER_DOMAIN
            luma = 0.5 + 0.4 * _band(1.5, rng)
            return luma[:, None] * _rgb(hue)


def _uniform(rng: np.random.Generator, low: float, high: float) -> Array:
    """One uniform number per image, `(N, 1, 1)`."""
    return rng.uniform(low, high, (IMAGES_PER_CLASS, 1, 1))


def _tint(pattern: Array, rng: np.random.Generator) -> Array:
    """Patterns `(N, S, S)` in [-1, 1] between a dark and a bright random colour each."""
    colours = (IMAGES_PER_CLASS, 3, 1, 1)
    dark, bright = rng.uniform(0, 0.3, colours), rng.uniform(0.7, 1, colours)
    mix = (pattern[:, None] + 1) / 2
    mix = np.where(rng.random((IMAGES_PER_CLASS, 1, 1, 1)) < 0.5, mix, 1 - mix)
    return dark + (bright - dark) * mix


def _grating(angle: float, rng: np.random.Generator) -> Array:
    angles = angle + _uniform(rng, -0.15, 0.15)
    cycles, phase = _uniform(rng, 3, 6), _uniform(rng, 0, 2 * np.pi)
    wave = np.cos(angles) * _X + np.sin(angles) * _Y
    return np.asarray(np.sin(2 * np.pi * cycles * wave + phase))


def _band(cycles: float, rng: np.random.Generator) -> Array:
    """Isotropic noise with its energy near one spatial frequency, scaled to [-1, 1]."""
    f = np.fft.fftfreq(SIZE, 1 / SIZE)
    passed = np.exp(-(((np.hypot(f[:, None], f[None, :]) - cycles) / 0.7) ** 2))
    white = rng.normal(size=(IMAGES_PER_CLASS, SIZE, SIZE))
    noise = np.fft.ifft2(np.fft.fft2(white) * passed).real
    return np.asarray(noise / np.abs(noise).max(axis=(1, 2), keepdims=True))


_SHAPES = ("disc", "square", "triangle", "cross")
_HUES = ("red", "yellow-green", "cyan", "violet")


def _shape(kind: int, rng: np.random.Generator) -> Array:
    r = _uniform(rng, 0.2, 0.35)
    x = (_X - _uniform(rng, -1, 1) * (0.5 - r)) / r
    y = (_Y - _uniform(rng, -1, 1) * (0.5 - r)) / r
    longer, shorter = np.maximum(np.abs(x), np.abs(y)), np.minimum(np.abs(x), np.abs(y))
    match _SHAPES[kind]:
        case "disc":
            inside = np.hypot(x, y) < 1
        case "square":
            inside = longer < 0.9
        case "triangle":
            inside = (y < 0.8) & (2 * np.abs(x) < y + 1)
        case _:
            inside = (shorter < 0.3) & (longer < 1)
    return np.where(inside, 1.0, -1.0)


def _rgb(hue: Array) -> Array:
    """Hues in turns `(N, 1, 1)` → `(N, 3, 1, 1)`, full saturation and value (the HSV formula)."""
    shifted = hue[:, None] - np.array([0, 1 / 3, 2 / 3])[:, None, None]
    distance = np.abs((shifted + 0.5) % 1 - 0.5) * 6
    return np.asarray((2 - distance).clip(0, 1))
