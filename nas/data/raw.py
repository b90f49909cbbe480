"""A data set as its source returns it, before splitting and loading on a device."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Pool:
    """Labelled images: all of one size in memory, or files to decode."""

    pixels: NDArray[np.uint8] | tuple[Path, ...]
    """uint8 `(N, 1 or 3, H, W)` or N paths."""
    labels: NDArray[np.int64]
    """`(N,)`, from 0."""

    def take(self, index: NDArray[np.int64]) -> Pool:
        """The images at `index`, in its order."""
        if isinstance(self.pixels, tuple):
            return Pool(tuple(self.pixels[i] for i in index), self.labels[index])
        return Pool(self.pixels[index], self.labels[index])

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True, slots=True)
class Raw:
    """A data set; a missing split is taken from its training images."""

    class_names: tuple[str, ...]
    train: Pool
    val: Pool | None = None
    test: Pool | None = None
    val_share: float = 0.1
    """Share of all training images, if `val` is missing; `test_share` likewise."""
    test_share: float = 0.1
    mirror: bool = False
    """Whether mirroring preserves every class."""
    native: int | None = None
    """Side in pixels of all image files, if known without reading them."""
    passed_over: tuple[tuple[str, int], ...] = ()
    """Suffixes of files that are not read as images, with their counts."""
    loose: tuple[Path, ...] = ()
    """Images that belong to no class and are not read."""
    class_domains: tuple[int, ...] = ()
    """The domain of each class, from 0; empty if the data set names none."""
