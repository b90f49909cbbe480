"""Data sets: found by name, checked cheaply, loaded as three splits that live on the device.

Nothing here imports torch until `load` is called, so that the CLI can check a name at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nas.data.catalog import (
    DataSet,
    canonical,
    check,
    check_name,
    describe,
    download,
    memory_bytes,
    num_classes,
)
from nas.data.examine import examine
from nas.data.manifest import Manifest
from nas.spec import Task

if TYPE_CHECKING:
    import torch

    from nas.data.loading import Images
    from nas.data.split import Data

__all__ = [
    "DataSet",
    "Manifest",
    "canonical",
    "check",
    "check_name",
    "describe",
    "download",
    "examine",
    "load",
    "load_images",
    "memory_bytes",
    "num_classes",
]


def load(task: Task, *, image_size: int, channels: int, root: Path, device: torch.device) -> Data:
    """The data set of a task as `(N, channels, image_size, image_size)` images on `device`.

    Equal arguments give equal splits, on every machine. Raises ProblemError for a set that is
    unknown, missing or damaged, or for channels other than 1 and 3.
    """
    images = load_images(task, image_size=image_size, channels=channels, root=root, device=device)
    return images.data(task.hold_out)


def load_images(
    task: Task, *, image_size: int, channels: int, root: Path, device: torch.device
) -> Images:
    """As `load`, for all that tasks may hold out of the same images: what this one does, does not
    matter."""
    from nas.data.loading import load_images as load_now

    return load_now(
        task.dataset,
        split_seed=task.split_seed,
        image_size=image_size,
        channels=channels,
        root=root,
        device=device,
    )
