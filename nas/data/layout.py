"""How a folder of images is laid out: by class, or in parts that are."""

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from nas.spec import ProblemError, UsageError

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"))
"""Those torchvision's ImageFolder reads."""
PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval", "evaluation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What a folder of that name, in any case, is where it holds class folders."""
HOW = "put images into one folder a class: PATH/CLASS/*.jpg"

_NOBODYS = frozenset(("__MACOSX", "@eaDir", "$RECYCLE.BIN", "Thumbs.db", "desktop.ini"))
"""What systems leave beside a person's own: copies and thumbnails."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the images of each part lie, by class."""

    train: Path
    val: Path | None = None
    test: Path | None = None

    @property
    def parts(self) -> tuple[Path, ...]:
        return tuple(part for part in (self.train, self.val, self.test) if part is not None)


def of_classes(where: Path) -> Layout:
    """Every folder is a class, whatever its name. Raises ProblemError for a missing one."""
    if not where.is_dir():
        raise UsageError("there is no such folder", where=str(where), fix=HOW)
    return Layout(where)


def guess(where: Path) -> Layout:
    """Parts where folders are named so and hold class folders; else every folder is a class.

    Raises ProblemError, which says what to type, where names leave both open, and as `of_classes`.
    """
    whole = of_classes(where)
    found = {name: PARTS[name.lower()] for name in classes(where) if name.lower() in PARTS}
    if not found:
        return whole
    settle = f"type --dataset {shlex.quote(f'classes:{where}')}"
    asked = f"if every folder is a class, {settle}; if not, "
    unsorted = [name for name in found if not _holds_classes(where / name)]
    if unsorted:
        raise ProblemError(
            f"{' and '.join(unsorted)} may be parts of the data set, whose images are in no class"
            " folders, or classes",
            where=str(where),
            fix=asked + f"sort them into class folders: {where / unsorted[0] / 'CLASS'}",
        )
    for part in ("train", "val", "test"):
        names = [name for name, meant in found.items() if meant == part]
        if len(names) > 1:
            raise ProblemError(
                f"{' and '.join(names)} may both be the {part} part, or classes",
                where=str(where),
                fix=asked + "join them or rename one",
            )
    if "train" not in found.values():
        raise ProblemError(
            f"{' and '.join(found)} may be a part of a data set without a train part, or a class",
            where=str(where),
            fix=asked + f"put the training images into {where / 'train' / 'CLASS'}",
        )
    others = [n for n in classes(where) if n not in found and _some(images(where / n))]
    if others:
        raise ProblemError(
            f"{' and '.join(found)} may be parts of the data set, but {' and '.join(others)} beside"
            " them can not; or all are classes",
            where=str(where),
            fix=asked + f"move {where / others[0]} elsewhere",
        )
    return Layout(**{part: where / name for name, part in found.items()})


def classes(where: Path) -> tuple[str, ...]:
    """The folders in a folder, sorted by name, less what systems leave there."""
    return tuple(sorted(e.name for e in where.iterdir() if e.is_dir() and not _hidden(e.name)))


def images(where: Path) -> Iterator[Path]:
    """The image files below a folder, by their suffix."""
    return (path for path in files(where) if path.suffix.lower() in SUFFIXES)


def files(where: Path) -> Iterator[Path]:
    """The files below a folder, less what systems leave there."""
    for folder, inside, names in os.walk(where):
        inside[:] = sorted(name for name in inside if not _hidden(name))
        yield from (Path(folder, name) for name in sorted(names) if not _hidden(name))


def _holds_classes(where: Path) -> bool:
    """Whether a folder's images are in folders, but for a stray one beside several."""
    inside = sum(1 for name in classes(where) if _some(images(where / name)))
    loose = any(path.parent == where for path in islice(images(where), 1))
    return inside > 1 or (inside == 1 and not loose)


def _some(paths: Iterator[Path]) -> bool:
    return next(paths, None) is not None


def _hidden(name: str) -> bool:
    return name.startswith(".") or name in _NOBODYS
