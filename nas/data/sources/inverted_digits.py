"""The handwritten digits, half of them inverted: one task in two domains.

Each digit occurs once, as it is or inverted. With both forms of every digit, one could be in the
training images and the other in the test images.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from nas.data.raw import Pool, Raw
from nas.data.sources.digits import STRETCHED, Digits

CONTRAST = 0.7
"""Of an inverted image, as a share of the digit's own; mid-grey stays mid-grey."""


class InvertedDigits(Digits):
    """Which digits are inverted is drawn once, so every campaign sees the same images."""

    about = "the digits, half of them inverted: 20 classes in 2 domains"
    domains = 2
    pixels = (
        f"{STRETCHED}; an image of classes 10–19 then became {1 - CONTRAST:.1f} · 127.5 +"
        f" {CONTRAST} · (255 − p), rounded, where p are its pixels in 0…255."
    )

    def num_classes(self, where: Path) -> int:
        return 20

    def read(self, where: Path) -> Raw:
        """1,797 images `(1, 8, 8)` in the order of `digits`; split 60/20/20.

        Classes 0–9 are digits as they are, 10–19 the same digits inverted at a lower contrast. Half
        of the images of each digit are inverted; of an odd number, the smaller half.
        """
        raw = super().read(where)
        pixels, labels = np.array(raw.train.pixels), raw.train.labels.copy()
        rng = np.random.default_rng(0)
        for digit in range(10):
            own = rng.permutation(np.flatnonzero(raw.train.labels == digit))
            labels[own[: len(own) // 2]] += 10
        inverted = CONTRAST * (255.0 - pixels) + (1 - CONTRAST) * 127.5
        pixels[labels >= 10] = np.rint(inverted[labels >= 10]).astype(np.uint8)
        return replace(
            raw,
            class_names=(*raw.class_names, *(f"{name} inverted" for name in raw.class_names)),
            train=Pool(pixels, labels),
            class_domains=(0,) * 10 + (1,) * 10,
        )
