"""A person's own images in torchvision's ImageFolder layout.

Either `PATH/CLASS/…/*.jpg`, divided by seed, or `PATH/train/CLASS/…` with an optional `PATH/val`
and `PATH/test`, by any of their common names; a part that is missing is split off train.
"""

from pathlib import Path

from nas.data.layout import guess
from nas.data.raw import Raw
from nas.data.sources import _folder


def check(where: Path) -> None:
    """Raises ProblemError for a missing folder, an ambiguous one, and one that lacks images."""
    _folder.check(guess(where))


def num_classes(where: Path) -> int:
    return len(_folder.check(guess(where)))


def num_images(where: Path) -> int:
    return _folder.num_images(guess(where))


def read(where: Path) -> Raw:
    return _folder.read(guess(where))


def files(where: Path) -> tuple[Path, ...]:
    return _folder.files(guess(where))


def listed(where: Path) -> Raw:
    return read(where)
