"""A data set as its source gives it, before it is divided and placed on a device."""

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
    """A data set; a part it does not have is split off its training images."""

    class_names: tuple[str, ...]
    train: Pool
    val: Pool | None = None
    test: Pool | None = None
    val_share: float = 0.1
    """Of all training images, where `val` is missing."""
    test_share: float = 0.1
    mirror: bool = False
    """Whether a mirrored image surely keeps its class."""
    native: int | None = None
    """Side in pixels of every file's image, where it is known without looking."""
    passed_over: tuple[tuple[str, int], ...] = ()
    """Suffixes of files beside the images that are not read, and how many there are."""
    loose: tuple[Path, ...] = ()
    """Images that lie in no class, and so are not read."""
