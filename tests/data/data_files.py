"""Small data sets in their real on-disk formats."""

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from nas.data.split import Data

Load = Callable[..., Data]
"""What the fixture `load_small` gives: `load_small(dataset, **changes)`."""


def write_image(path: Path, colour: tuple[int, int, int], size: tuple[int, int]) -> None:
    """A one-coloured image; the suffix decides the format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)


def make_folder(where: Path, classes: dict[str, int], size: tuple[int, int] = (20, 16)) -> Path:
    """An image folder: class i is red level 40·i + image number, names and formats mixed."""
    for label, (name, count) in enumerate(classes.items()):
        for i in range(count):
            suffix = ("png", "JPG", "bmp")[i % 3]
            write_image(where / name / f"{i:02d}.{suffix}", (40 * label + i, 0, 0), size)
    return where


class SmallCifar:
    """Writes CIFAR's pickled batches, a handful of images each, and knows their checksums."""

    def __init__(self, root: Path, cls: type, label_key: str, classes: int) -> None:
        self.folder = root / cls.base_folder  # type: ignore[attr-defined]
        self.folder.mkdir()
        self.cls = cls
        self.classes = classes
        per_class = {"train": 20, "test": 4}
        rng = np.random.default_rng(0)
        self.rows: dict[str, tuple[np.ndarray, list[int]]] = {}
        for kind, names in (("train", cls.train_list), ("test", cls.test_list)):  # type: ignore[attr-defined]
            labels = rng.permutation(np.repeat(np.arange(classes), per_class[kind]))
            pixels = rng.integers(0, 256, (len(labels), 3072), dtype=np.uint8)
            pixels[:, 0] = labels  # red of the top left pixel tells the class
            parts = np.array_split(np.arange(len(labels)), len(names))
            for (name, _), part in zip(names, parts, strict=True):
                self._dump(name, {"data": pixels[part], label_key: labels[part].tolist()})
        meta = cls.meta  # type: ignore[attr-defined]
        self._dump(meta["filename"], {meta["key"]: [f"class {i}" for i in range(classes)]})

    def _dump(self, name: str, content: object) -> None:
        with (self.folder / name).open("wb") as file:
            pickle.dump(content, file, protocol=2)

    def accept(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Tells torchvision these files' checksums in place of the published ones."""

        def md5(name: str) -> str:
            return hashlib.md5((self.folder / name).read_bytes()).hexdigest()

        for attribute in ("train_list", "test_list"):
            names = [name for name, _ in getattr(self.cls, attribute)]
            monkeypatch.setattr(self.cls, attribute, [[name, md5(name)] for name in names])
        meta = self.cls.meta  # type: ignore[attr-defined]
        monkeypatch.setattr(self.cls, "meta", meta | {"md5": md5(meta["filename"])})
