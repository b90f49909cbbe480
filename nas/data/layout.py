"""The layout of a folder of images: class folders, or splits that contain class folders."""

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from nas.schema import ProblemError, UsageError

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"))
"""The suffixes that torchvision's ImageFolder reads."""
PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval", "evaluation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""Folder names, in any case, that mean a split if the folder contains class folders."""
_PART_WORDS = PARTS.keys()
_SHOWN = 4
HOW = "put images into one folder a class: PATH/CLASS/*.jpg"

_NOBODYS = frozenset(("__MACOSX", "@eaDir", "$RECYCLE.BIN", "Thumbs.db", "desktop.ini"))
"""Copies and thumbnails that operating systems add to folders."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The folder of each split, which contains class folders."""

    train: Path
    val: Path | None = None
    test: Path | None = None
    root: Path | None = None
    """The folder that contains the splits, if there is one."""

    @property
    def parts(self) -> tuple[Path, ...]:
        """The folders of class folders: training, then validation and test if any."""
        return tuple(part for part in (self.train, self.val, self.test) if part is not None)


def of_classes(where: Path) -> Layout:
    """Treats every folder as a class, whatever its name. Raises UsageError if it is missing."""
    if not where.is_dir():
        raise UsageError("there is no such folder", where=str(where), fix=HOW)
    return Layout(where)


def guess(where: Path) -> Layout:
    """Folders with names of splits are splits if they contain class folders; otherwise every folder
    is a class.

    Raises ProblemError, with a command to type, if the names are ambiguous, and as `of_classes` and
    `files`.
    """
    whole = of_classes(where)
    found = {name: PARTS[name.lower()] for name in classes(where) if name.lower() in PARTS}
    settle = f"type --dataset {shlex.quote(f'classes:{where}')}"
    hint = f"if every folder is a class, {settle}; if not, "
    if not found:
        _check_classes(where, hint)
        return whole
    unsorted = [name for name in found if not _holds_classes(where / name)]
    if unsorted:
        raise ProblemError(
            f"{' and '.join(unsorted)} may be splits of the data set that lack class"
            " folders, or classes",
            where=str(where),
            fix=hint + f"sort them into class folders: {where / unsorted[0] / 'CLASS'}",
        )
    for part in ("train", "val", "test"):
        names = [name for name, meant in found.items() if meant == part]
        if len(names) > 1:
            raise ProblemError(
                f"{' and '.join(names)} may both be the {part} split, or classes",
                where=str(where),
                fix=hint + "merge them or rename one",
            )
    if "train" not in found.values():
        raise ProblemError(
            f"{' and '.join(found)} may be a split of a data set without a train split, or a class",
            where=str(where),
            fix=hint + f"put the training images into {where / 'train' / 'CLASS'}",
        )
    others = [n for n in classes(where) if n not in found and _some(images(where / n))]
    if others:
        raise ProblemError(
            f"{' and '.join(found)} may be splits of the data set, but {' and '.join(others)}"
            " beside them cannot; or all are classes",
            where=str(where),
            fix=hint + f"move {where / others[0]} elsewhere",
        )
    return Layout(**{part: where / name for name, part in found.items()}, root=where)


def _check_classes(where: Path, hint: str) -> None:
    """Raises ProblemError if folders may be splits although none has the name of one."""
    names = classes(where)
    rename = hint + f"name the splits train, val and test: {where / 'train' / 'CLASS'}"
    if partly := [name for name in names if _PART_WORDS & _words(name)]:
        raise ProblemError(
            f"{' and '.join(partly[:_SHOWN])} may be splits of the data set, by their names, or"
            " classes",
            where=str(where),
            fix=rename,
        )
    for name in names if len(names) > 1 else ():
        inside = {word: sub for sub in classes(where / name) for word in _PART_WORDS & _words(sub)}
        if len({PARTS[word] for word in inside}) > 1:
            parts = sorted(set(inside.values()))
            whole = all(_holds_classes(where / name / part) for part in parts)
            alone = f"type --dataset {shlex.quote(f'folder:{where / name}')}"
            raise ProblemError(
                f"{name} contains {' and '.join(parts[:_SHOWN])}, which may be splits of the data"
                " set, or all of one class",
                where=str(where),
                fix=hint + alone if whole else rename,
            )
    first = classes(where / names[0]) if len(names) > 1 else ()
    if len(first) > 1 and all(classes(where / name) == first for name in names[1:]):
        raise ProblemError(
            f"{' and '.join(names[:_SHOWN])} all contain folders of the same names"
            f" ({', '.join(first[:_SHOWN])}): they may be splits of the data set, or classes",
            where=str(where),
            fix=rename,
        )


def _words(name: str) -> set[str]:
    """The words in a folder's name: train and images for `trainImages_2017`, test for `testset`."""
    parts = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return {word.lower().removesuffix("set") for word in re.split(r"[\W\d_]+", parts)}


def classes(where: Path) -> tuple[str, ...]:
    """The subfolders, sorted by name, without those that operating systems add. Raises ProblemError
    if the folder cannot be read."""
    try:
        with os.scandir(where) as entries:
            shown = [entry for entry in entries if not _hidden(entry.name)]
            return tuple(sorted(entry.name for entry in shown if Path(entry.path).is_dir()))
    except OSError as error:
        raise _unreadable(error) from error


def images(where: Path) -> Iterator[Path]:
    """The image files below a folder, by their suffix."""
    return (path for path in files(where) if path.suffix.lower() in SUFFIXES)


def loose(layout: Layout) -> tuple[Path, ...]:
    """Images beside the class folders or beside the splits, which belong to no class."""
    return tuple(
        path
        for folder in dict.fromkeys((layout.root, *layout.parts))
        if folder
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SUFFIXES and not _hidden(path.name) and path.is_file()
    )


def files(where: Path) -> Iterator[Path]:
    """The files below a folder, without those that operating systems add; empty if it is missing.

    Links to folders are followed, but no folder is visited twice. Raises ProblemError if a folder
    cannot be read.
    """
    if not where.exists():
        return
    above = (where, *where.absolute().parents, *where.resolve().parents)
    seen = {_identity(folder) for folder in above}

    def is_new(folder: Path) -> bool:
        known = _identity(folder)
        new = known not in seen
        seen.add(known)
        return new

    for folder, inside, names in os.walk(where, followlinks=True, onerror=_name_list):
        shown = sorted(name for name in inside if not _hidden(name))
        inside[:] = [name for name in shown if is_new(Path(folder, name))]
        yield from (Path(folder, name) for name in sorted(names) if not _hidden(name))


def _identity(folder: Path) -> tuple[int, int]:
    try:
        status = folder.stat()
    except OSError as error:
        raise _unreadable(error) from error
    return status.st_dev, status.st_ino


def _name_list(error: OSError) -> None:
    raise _unreadable(error) from error


def _unreadable(error: OSError) -> ProblemError:
    return ProblemError(
        f"this folder cannot be read ({error.strerror or error})",
        where=str(error.filename),
        fix="make it readable, or move it elsewhere",
    )


def _holds_classes(where: Path) -> bool:
    """Whether a folder's images are in subfolders, except perhaps stray ones beside several."""
    inside = sum(1 for name in classes(where) if _some(images(where / name)))
    loose = any(path.parent == where for path in islice(images(where), 1))
    return inside > 1 or (inside == 1 and not loose)


def _some(paths: Iterator[Path]) -> bool:
    return next(paths, None) is not None


def _hidden(name: str) -> bool:
    return name.startswith(".") or name in _NOBODYS
