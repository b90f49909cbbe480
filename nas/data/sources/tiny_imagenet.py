"""Tiny-ImageNet-200 in its real directory format.

    tiny-imagenet-200/train/<wnid>/images/*.JPEG
    tiny-imagenet-200/val/images/*.JPEG
    tiny-imagenet-200/val/val_annotations.txt      file, wnid, box; tab-separated

The published test images have no labels, so the labelled validation images are used as the test
set, and validation images are taken from the training images.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nas.data.layout import classes, images
from nas.data.raw import Pool, Raw
from nas.data.sources.base import Source
from nas.schema import ProblemError

_FOLDER = "tiny-imagenet-200"
_URL = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
_MD5 = "90528d7ca1a48142e341f4ef8d21d0de"
_CLASSES = 200
_GET = "type: nas data get tiny-imagenet"


class TinyImageNet(Source):
    """100,000 images for training and validation, 10,000 for testing."""

    about = "110,000 photographs, 64×64, 200 classes"
    how = "nas data get tiny-imagenet"
    download_size = "248 MB"
    images = 110_000
    images_are_files = True

    def check(self, where: Path) -> None:
        base = where / _FOLDER
        for needed in (base / "train", base / "val" / "val_annotations.txt"):
            if not needed.exists():
                raise ProblemError("tiny-imagenet is not downloaded", where=str(needed), fix=_GET)

    def num_classes(self, where: Path) -> int:
        """The published number, where the data set is not downloaded yet."""
        return len(_wnids(where / _FOLDER)) if (where / _FOLDER).exists() else _CLASSES

    def num_images(self, where: Path) -> int:
        self.check(where)
        return sum(1 for _ in _images(where / _FOLDER))

    def read(self, where: Path) -> Raw:
        self.check(where)
        base = where / _FOLDER
        wnids = _wnids(base)
        number = {wnid: label for label, wnid in enumerate(wnids)}
        train = [
            (path, number[wnid])
            for wnid in wnids
            for path in _jpegs(base / "train" / wnid / "images")
        ]
        notes = base / "val" / "val_annotations.txt"
        test = []
        for line, text in enumerate(notes.read_text(encoding="utf-8").splitlines(), start=1):
            name, wnid, *_ = (*text.split("\t"), "")
            if wnid not in number:
                raise ProblemError(f"{wnid!r} is not a class", where=f"{notes}:{line}", fix=_GET)
            test.append((base / "val" / "images" / name, number[wnid]))
        if not train or not test:
            raise ProblemError("tiny-imagenet has no images", where=str(base), fix=_GET)
        return Raw(class_names=wnids, train=_pool(train), test=_pool(test), mirror=True, native=64)

    def files(self, where: Path) -> tuple[Path, ...]:
        base = where / _FOLDER
        return (*sorted(_images(base)), base / "val" / "val_annotations.txt")

    def download(self, where: Path) -> None:
        from torchvision.datasets.utils import download_and_extract_archive

        if not (where / _FOLDER).is_dir():
            where.mkdir(parents=True, exist_ok=True)
            download_and_extract_archive(_URL, str(where), md5=_MD5)


def _wnids(base: Path) -> tuple[str, ...]:
    return classes(base / "train")


def _images(base: Path) -> Iterator[Path]:
    """The image files of both splits."""
    for wnid in _wnids(base):
        yield from _jpegs(base / "train" / wnid / "images")
    yield from _jpegs(base / "val" / "images")


def _jpegs(folder: Path) -> list[Path]:
    return sorted(path for path in images(folder) if path.suffix == ".JPEG")


def _pool(pairs: list[tuple[Path, int]]) -> Pool:
    return Pool(tuple(path for path, _ in pairs), np.asarray([n for _, n in pairs], dtype=np.int64))
