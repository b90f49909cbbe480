"""How a folder of images is laid out: by class, or in parts that are."""

import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from nas.schema import ProblemError, UsageError

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"))
"""Those torchvision's ImageFolder reads."""
PARTS = {
    **dict.fromkeys(("train", "training"), "train"),
    **dict.fromkeys(("val", "valid", "validation", "dev", "eval", "evaluation"), "val"),
    **dict.fromkeys(("test", "testing"), "test"),
}
"""What a folder of that name, in any case, is where it holds class folders."""
_PART_WORDS = PARTS.keys()
_SHOWN = 4
HOW = "put images into one folder a class: PATH/CLASS/*.jpg"

_NOBODYS = frozenset(("__MACOSX", "@eaDir", "$RECYCLE.BIN", "Thumbs.db", "desktop.ini"))
"""What systems leave beside a person's own: copies and thumbnails."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where the images of each part lie, by class."""

    train: Path
    val: Path | None = None
    test: Path | None = None
    root: Path | None = None
    """That of the parts, where they lie in one."""

    @property
    def parts(self) -> tuple[Path, ...]:
        """The folders of class folders: training, then validation and test if any."""
        return tuple(part for part in (self.train, self.val, self.test) if part is not None)


def of_classes(where: Path) -> Layout:
    """Every folder is a class, whatever its name. Raises ProblemError for a missing one."""
    if not where.is_dir():
        raise UsageError("there is no such folder", where=str(where), fix=HOW)
    return Layout(where)


def guess(where: Path) -> Layout:
    """Parts where folders are named so and hold class folders; else every folder is a class.

    Raises ProblemError, which says what to type, where names leave both open, and as `of_classes`
    and `files`.
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
            f"{' and '.join(unsorted)} may be parts of the data set, whose images are in no class"
            " folders, or classes",
            where=str(where),
            fix=hint + f"sort them into class folders: {where / unsorted[0] / 'CLASS'}",
        )
    for part in ("train", "val", "test"):
        names = [name for name, meant in found.items() if meant == part]
        if len(names) > 1:
            raise ProblemError(
                f"{' and '.join(names)} may both be the {part} part, or classes",
                where=str(where),
                fix=hint + "join them or rename one",
            )
    if "train" not in found.values():
        raise ProblemError(
            f"{' and '.join(found)} may be a part of a data set without a train part, or a class",
            where=str(where),
            fix=hint + f"put the training images into {where / 'train' / 'CLASS'}",
        )
    others = [n for n in classes(where) if n not in found and _some(images(where / n))]
    if others:
        raise ProblemError(
            f"{' and '.join(found)} may be parts of the data set, but {' and '.join(others)} beside"
            " them can not; or all are classes",
            where=str(where),
            fix=hint + f"move {where / others[0]} elsewhere",
        )
    return Layout(**{part: where / name for name, part in found.items()}, root=where)


def _check_classes(where: Path, hint: str) -> None:
    """Raises ProblemError where folders, none of which has the name of a part, may be parts."""
    names = classes(where)
    rename = hint + f"name the parts train, val and test: {where / 'train' / 'CLASS'}"
    if partly := [name for name in names if _PART_WORDS & _words(name)]:
        raise ProblemError(
            f"{' and '.join(partly[:_SHOWN])} may be parts of the data set, by their names, or"
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
                f"{name} holds {' and '.join(parts[:_SHOWN])}, which may be parts of the data set,"
                " or all of a class",
                where=str(where),
                fix=hint + alone if whole else rename,
            )
    first = classes(where / names[0]) if len(names) > 1 else ()
    if len(first) > 1 and all(classes(where / name) == first for name in names[1:]):
        raise ProblemError(
            f"{' and '.join(names[:_SHOWN])} all hold folders of the same names"
            f" ({', '.join(first[:_SHOWN])}): they may be parts of the data set, or classes",
            where=str(where),
            fix=rename,
        )


def _words(name: str) -> set[str]:
    """Of which a folder's name is made: `trainImages_2017` is train and images, `testset` test."""
    parts = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return {word.lower().removesuffix("set") for word in re.split(r"[\W\d_]+", parts)}


def classes(where: Path) -> tuple[str, ...]:
    """The folders in a folder, sorted by name, less what systems leave there. Raises ProblemError
    where it cannot be read."""
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
    """The images that lie beside class folders, or beside the parts, and so in no class."""
    return tuple(
        path
        for folder in dict.fromkeys((layout.root, *layout.parts))
        if folder
        for path in sorted(folder.iterdir())
        if path.suffix.lower() in SUFFIXES and not _hidden(path.name) and path.is_file()
    )


def files(where: Path) -> Iterator[Path]:
    """The files below a folder, less what systems leave there; none below one that is not there.

    Links to folders are followed, each folder once and none that the walk came through. Raises
    ProblemError where a folder cannot be read.
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
        fix="let it be read, or move it elsewhere",
    )


def _holds_classes(where: Path) -> bool:
    """Whether a folder's images are in folders, but for a stray one beside several."""
    inside = sum(1 for name in classes(where) if _some(images(where / name)))
    loose = any(path.parent == where for path in islice(images(where), 1))
    return inside > 1 or (inside == 1 and not loose)


def _some(paths: Iterator[Path]) -> bool:
    return next(paths, None) is not None


def _hidden(name: str) -> bool:
    return name.startswith(".") or name in _NOBODYS
