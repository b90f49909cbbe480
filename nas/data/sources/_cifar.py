"""CIFAR-10 and CIFAR-100, read by torchvision in their real on-disk format."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np

from nas.data.raw import Pool, Raw
from nas.schema import ProblemError


def check(where: Path, name: str, folder: str) -> None:
    """Raises ProblemError unless the set's folder is there; its checksums are `read`'s task."""
    if not (where / folder).is_dir():
        raise ProblemError(
            f"{name} is not here", where=str(where / folder), fix=f"type: nas data get {name}"
        )


def read(where: Path, name: str, dataset: Any) -> Raw:
    """45,000 images for training, 5,000 for validation, the official 10,000 for testing.

    `dataset` is torchvision's class, which verifies every file's MD5.
    """
    check(where, name, dataset.base_folder)
    try:
        with warnings.catch_warnings():
            # The published pickles are older than numpy 2.4.0–2.4.4 likes (numpy#30786).
            warnings.filterwarnings("ignore", message=r"dtype\(\): align should be passed")
            train, test = dataset(where, train=True), dataset(where, train=False)
    except (RuntimeError, OSError, EOFError) as error:
        folder = where / dataset.base_folder
        raise ProblemError(
            f"{name} is damaged: {error}",
            where=str(folder),
            fix=f"delete {folder} and type: nas data get {name}",
        ) from error
    return Raw(class_names=tuple(train.classes), train=_pool(train), test=_pool(test), mirror=True)


def files(folder: Path, published: tuple[str, ...]) -> tuple[Path, ...]:
    """Those of the published ones that are there: what else lies beside them is nobody's."""
    return tuple(sorted(folder / name for name in published if (folder / name).is_file()))


def _pool(dataset: Any) -> Pool:
    images = np.ascontiguousarray(dataset.data.transpose(0, 3, 1, 2))
    return Pool(images, np.asarray(dataset.targets, dtype=np.int64))
