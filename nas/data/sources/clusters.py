"""Gaussian clusters as images: classes of several clusters each, which no linear model separates.

A point in 16 dimensions is one of 32 cluster centres, drawn from N(0, I), plus noise. The class of
cluster k is k mod 6, so a class has 5 or 6 clusters that are no nearer to each other than to other
classes' clusters, and a model needs capacity for each of them. A few labels are wrong on purpose,
so no model can be right about all images.
"""

from pathlib import Path

import numpy as np

from nas.data.raw import Pool, Raw
from nas.data.sources.base import Source

POINTS, DIMENSIONS, CLUSTERS, CLASSES = 5_000, 16, 32, 6
NOISE = 0.35
"""Standard deviation of a point about its cluster's centre, in each dimension."""
FLIPPED = 0.02
"""Probability that a label is replaced by another, all others equally likely."""
RANGE = 4.0
"""Coordinates −RANGE…RANGE become grey levels 0…255; their standard deviation is about 1."""
BLOCK = 2
"""Side in pixels of the square that shows one coordinate."""


class Clusters(Source):
    """Drawn once, from a fixed seed."""

    about = "32 Gaussian clusters in 6 classes, as images 8×8"
    images = POINTS
    pixels = (
        f"Each is a point in {DIMENSIONS} dimensions: in 4 rows of 4, a square of {BLOCK}×{BLOCK}"
        f" pixels for each coordinate, −{RANGE:.0f}…{RANGE:.0f} taken as 0…255 and the rest cut to"
        " 0…255."
    )

    def num_classes(self, where: Path) -> int:
        return CLASSES

    def read(self, where: Path) -> Raw:
        """5,000 images `(1, 8, 8)`, the same every time; split 60/20/20 by the task's seed."""
        rng = np.random.default_rng(0)
        centres = rng.normal(size=(CLUSTERS, DIMENSIONS))
        cluster = rng.integers(CLUSTERS, size=POINTS)
        points = centres[cluster] + rng.normal(0, NOISE, (POINTS, DIMENSIONS))
        others = rng.integers(1, CLASSES, size=POINTS)
        labels = (cluster % CLASSES + np.where(rng.random(POINTS) < FLIPPED, others, 0)) % CLASSES
        grey = np.rint(((points / RANGE + 1) * 127.5).clip(0, 255)).astype(np.uint8)
        square = grey.reshape(-1, 1, 4, 4).repeat(BLOCK, axis=2).repeat(BLOCK, axis=3)
        return Raw(
            class_names=tuple(f"class {label}" for label in range(CLASSES)),
            train=Pool(square, labels.astype(np.int64)),
            val_share=0.2,
            test_share=0.2,
            mirror=False,  # each pixel is a dimension of its own
        )
