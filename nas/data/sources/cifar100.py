"""CIFAR-100 (Krizhevsky 2009)."""

from pathlib import Path

from nas.data.raw import Raw
from nas.data.sources import _cifar

FOLDER = "cifar-100-python"
FILES = ("train", "test", "meta", "file.txt~")
"""As published; the last is a text that nothing reads."""


def check(where: Path) -> None:
    _cifar.check(where, "cifar100", FOLDER)


def num_classes(where: Path) -> int:
    return 100


def num_images(where: Path) -> int:
    return 60_000


def read(where: Path) -> Raw:
    from torchvision.datasets import CIFAR100

    return _cifar.read(where, "cifar100", CIFAR100)


def files(where: Path) -> tuple[Path, ...]:
    return _cifar.files(where / FOLDER, FILES)


def listed(where: Path) -> None:
    """Its images are rows of a few files."""


def download(where: Path) -> None:
    """Fetches the set into `where`, for `nas data get`; needs a network."""
    from torchvision.datasets import CIFAR100

    CIFAR100(where, download=True)
