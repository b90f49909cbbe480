"""A person's own images where every folder is a class, one called `train` or `test` too."""

from pathlib import Path

from nas.data.layout import of_classes
from nas.data.raw import Raw
from nas.data.sources import _folder


def check(where: Path) -> None:
    """Raises ProblemError for a missing folder, and one that lacks classes or images."""
    _folder.check(of_classes(where))


def num_classes(where: Path) -> int:
    return len(_folder.check(of_classes(where)))


def num_images(where: Path) -> int:
    return _folder.num_images(of_classes(where))


def read(where: Path) -> Raw:
    return _folder.read(of_classes(where))


def files(where: Path) -> tuple[Path, ...]:
    return _folder.files(of_classes(where))


def listed(where: Path) -> Raw:
    return read(where)
