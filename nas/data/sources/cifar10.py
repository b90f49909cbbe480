"""CIFAR-10 (Krizhevsky 2009)."""

from pathlib import Path

from nas.data.raw import Raw
from nas.data.sources import _cifar

FOLDER = "cifar-10-batches-py"
FILES = (*(f"data_batch_{n}" for n in range(1, 6)), "test_batch", "batches.meta", "readme.html")
"""As published; the last is a text that nothing reads."""


def check(where: Path) -> None:
    _cifar.check(where, "cifar10", FOLDER)


def num_classes(where: Path) -> int:
    return 10


def num_images(where: Path) -> int:
    return 60_000


def read(where: Path) -> Raw:
    from torchvision.datasets import CIFAR10

    return _cifar.read(where, "cifar10", CIFAR10)


def files(where: Path) -> tuple[Path, ...]:
    return _cifar.files(where / FOLDER, FILES)


def listed(where: Path) -> None:
    """Its images are rows of a few files."""


def download(where: Path) -> None:
    """Fetches the set into `where`, for `nas data get`; needs a network."""
    from torchvision.datasets import CIFAR10

    CIFAR10(where, download=True)
