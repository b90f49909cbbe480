"""Data sets: looked up by name, checked cheaply, loaded as three splits on the device.

torch and Pillow are imported only by `load` and `examine`, so that the CLI can check a name at
once.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from nas.data.catalog import (
    NotHereError,
    canonical,
    check,
    check_name,
    describe,
    described,
    download,
    file_bytes,
    kept_small,
    memory_bytes,
    num_classes,
    num_domains,
    num_images,
)
from nas.schema import Task

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from nas.data.batches import Data
    from nas.data.examining import Examined
    from nas.data.loading import Images
    from nas.data.manifest import Manifest

__all__ = [
    "NotHereError",
    "canonical",
    "check",
    "check_name",
    "describe",
    "described",
    "download",
    "examine",
    "file_bytes",
    "kept_small",
    "load",
    "load_images",
    "memory_bytes",
    "num_classes",
    "num_domains",
    "num_images",
]


def examine(
    task: Task,
    root: Path,
    *,
    known: Manifest | None = None,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> Examined:
    """Checks all image files of a data set and records them; with `known`, only records them.

    `tell` is called with (done, total) files. Raises ProblemError for a missing data set, unusable
    images, mixed bit depths, a training set that is nearly all blank, and a class too small to be
    split. Files that are unchanged since `known` are not read.
    """
    from nas.data.examining import examine as examine_now

    return examine_now(task, root, known=known, tell=tell)


def load(task: Task, *, image_size: int, channels: int, root: Path, device: torch.device) -> Data:
    """The data set of a task as `(N, channels, image_size, image_size)` images on `device`.

    Equal arguments give equal splits, on every machine. Raises ProblemError for an unknown, missing
    or damaged data set, or if `channels` is neither 1 nor 3.
    """
    images = load_images(task, image_size=image_size, channels=channels, root=root, device=device)
    return images.data(task.hold_out)


def load_images(
    task: Task, *, image_size: int, channels: int, root: Path, device: torch.device
) -> Images:
    """As `load`, but for any hold-out of the same images: the task's own hold-out is ignored."""
    from nas.data.loading import load_images as load_now

    return load_now(
        task.dataset,
        split_seed=task.split_seed,
        image_size=image_size,
        channels=channels,
        root=root,
        device=device,
        standardize=task.standardize,
    )
