"""The user's own images, in a known layout.

They are never mirrored in training, because mirroring may change their class.
"""

import shlex
from abc import abstractmethod
from collections import Counter
from pathlib import Path

import numpy as np

from nas.data.layout import HOW, SUFFIXES, Layout, classes, images, loose
from nas.data.layout import files as walk
from nas.data.raw import Pool, Raw
from nas.data.sources.base import Source
from nas.schema import ProblemError


class Folder(Source):
    how = "put the images there"
    takes_path = True
    images_are_files = True

    @abstractmethod
    def layout(self, where: Path) -> Layout:
        """Which folders are splits, and which are classes. Raises ProblemError for a missing
        folder."""

    def check(self, where: Path) -> None:
        """Raises ProblemError for a missing folder, or one without classes or images."""
        _check(self.layout(where))

    def num_classes(self, where: Path) -> int:
        return len(_check(self.layout(where)))

    def num_images(self, where: Path) -> int:
        return len(self.files(where))

    def read(self, where: Path) -> Raw:
        layout = self.layout(where)
        names = _check(layout)
        beside = Counter(
            path.suffix.lower()
            for part in layout.parts
            for path in walk(part)
            if path.suffix.lower() not in SUFFIXES
        )
        return Raw(
            class_names=names,
            train=_pool(layout.train, names),
            val=_pool(layout.val, names) if layout.val else None,
            test=_pool(layout.test, names) if layout.test else None,
            val_share=0.15,
            test_share=0.15,
            mirror=False,
            passed_over=tuple(beside.most_common()),
            loose=loose(layout),
        )

    def files(self, where: Path) -> tuple[Path, ...]:
        layout = self.layout(where)
        names = _check(layout)
        found = (path for part in layout.parts for name in names for path in images(part / name))
        return tuple(sorted(found))


def _check(layout: Layout) -> tuple[str, ...]:
    """The classes. Raises ProblemError for fewer than two, for a class without images, for one that
    is missing in training, and for validation images of a single class."""
    names = classes(layout.train)
    if len(names) < 2:
        one = layout.train / names[0] if names else None
        inside = classes(one) if one else ()
        deeper = f"; or type --dataset {shlex.quote(f'folder:{one}')}" if inside else ""
        raise ProblemError(
            f"a classifier needs at least 2 class folders; {len(names)} found",
            where=str(layout.train),
            fix=HOW + deeper,
        )
    for name in names:
        if not _has_images(layout.train / name):
            raise ProblemError(
                "this class has no images",
                where=str(layout.train / name),
                fix=f"give it files of {', '.join(sorted(SUFFIXES))}, or remove the folder",
            )
    for part in layout.parts[1:]:
        for name in sorted(set(classes(part)) - set(names)):
            raise ProblemError(
                "this class has no training images",
                where=str(part / name),
                fix=f"add {layout.train / name}, or remove this folder",
            )
    if layout.val:
        shown = [name for name in names if _has_images(layout.val / name)]
        if len(shown) == 1:
            raise ProblemError(
                f"all validation images are of one class, {shown[0]}, so always predicting it would"
                " be right",
                where=str(layout.val),
                fix="add images of the other classes, or remove the folder: then a share of the"
                " training images is used for validation",
            )
    return names


def _has_images(where: Path) -> bool:
    return next(images(where), None) is not None


def _pool(where: Path, names: tuple[str, ...]) -> Pool:
    pairs = [
        (path, label) for label, name in enumerate(names) for path in sorted(images(where / name))
    ]
    if not pairs:
        raise ProblemError("there are no images", where=str(where), fix=HOW)
    return Pool(tuple(path for path, _ in pairs), np.asarray([n for _, n in pairs], dtype=np.int64))
