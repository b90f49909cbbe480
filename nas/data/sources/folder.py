"""A person's own images in torchvision's ImageFolder layout.

Either `PATH/CLASS/…/*.jpg`, divided by seed, or `PATH/train/CLASS/…` with an optional `PATH/val`
and `PATH/test`; a part that is missing is split off train. Nobody knows whether the classes
survive mirroring, so the images are never mirrored.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nas.data.raw import Pool, Raw
from nas.spec import ProblemError

SUFFIXES = frozenset((".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp"))
"""Those torchvision's ImageFolder reads."""

_LAYOUT = "put images into one folder a class: PATH/CLASS/*.jpg"


def check(where: Path) -> None:
    """Raises ProblemError for a missing folder, under two classes, or a class with no image."""
    if not where.is_dir():
        raise ProblemError("there is no such folder", where=str(where), fix=_LAYOUT)
    train = _part(where, "train") or where
    names = _classes(train)
    if len(names) < 2:
        raise ProblemError(
            f"a classifier needs at least 2 class folders; {len(names)} found",
            where=str(train),
            fix=_LAYOUT,
        )
    for name in names:
        if next(_images(train / name), None) is None:
            raise ProblemError("this class has no image", where=str(train / name), fix=_LAYOUT)
    for part in filter(None, (_part(where, "val"), _part(where, "test"))):
        for name in set(_classes(part)) - set(names):
            raise ProblemError(
                "this class has no training images",
                where=str(part / name),
                fix=f"add {train / name}, or remove this folder",
            )


def num_classes(where: Path) -> int:
    check(where)
    return len(_classes(_part(where, "train") or where))


def num_images(where: Path) -> int:
    check(where)
    parts = [_part(where, name) for name in ("train", "val", "test")]
    return sum(1 for part in (parts if parts[0] else [where]) if part for _ in _images(part))


def read(where: Path) -> Raw:
    check(where)
    train = _part(where, "train")
    names = _classes(train or where)
    val, test = (_part(where, part) if train else None for part in ("val", "test"))
    return Raw(
        class_names=names,
        train=_pool(train or where, names),
        val=_pool(val, names) if val else None,
        test=_pool(test, names) if test else None,
        val_share=0.15,
        test_share=0.15,
        mirror=False,
    )


def _part(where: Path, name: str) -> Path | None:
    """A subfolder of that name, when the folder is laid out in parts at all."""
    return where / name if (where / "train").is_dir() and (where / name).is_dir() else None


def _classes(where: Path) -> tuple[str, ...]:
    return tuple(
        sorted(e.name for e in where.iterdir() if e.is_dir() and not e.name.startswith("."))
    )


def _images(where: Path) -> Iterator[Path]:
    return (path for path in where.rglob("*") if path.suffix.lower() in SUFFIXES)


def _pool(where: Path, names: tuple[str, ...]) -> Pool:
    pairs = [
        (path, label) for label, name in enumerate(names) for path in sorted(_images(where / name))
    ]
    if not pairs:
        raise ProblemError("no image here", where=str(where), fix=_LAYOUT)
    return Pool(tuple(path for path, _ in pairs), np.asarray([n for _, n in pairs], dtype=np.int64))
