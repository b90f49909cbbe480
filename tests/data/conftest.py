"""Small data sets in their real on-disk formats."""

import hashlib
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision.datasets
from PIL import Image

from nas.data.loading import load
from nas.data.split import Data

Load = Callable[..., Data]


@pytest.fixture
def load_small(tmp_path: Path) -> Load:
    """`nas.data.loading.load` with defaults: 32 px, 3 channels, CPU, root in `tmp_path`."""

    def call(dataset: str, **changes: object) -> Data:
        arguments: dict[str, object] = {
            "split_seed": 0,
            "image_size": 32,
            "channels": 3,
            "root": tmp_path,
            "device": torch.device("cpu"),
        }
        return load(dataset, **(arguments | changes))  # type: ignore[arg-type]

    return call


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


@pytest.fixture(params=["cifar10", "cifar100"])
def small_cifar(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, SmallCifar]:
    """A CIFAR set's name and its small files under `tmp_path`; checksums are still wrong."""
    cls, key, classes = {
        "cifar10": (torchvision.datasets.CIFAR10, "labels", 10),
        "cifar100": (torchvision.datasets.CIFAR100, "fine_labels", 100),
    }[request.param]
    return request.param, SmallCifar(tmp_path, cls, key, classes)


@pytest.fixture
def tiny_imagenet(tmp_path: Path) -> Path:
    """Three classes of Tiny-ImageNet with 10 training and 2 validation images each."""
    base = tmp_path / "tiny-imagenet-200"
    lines = []
    for label, wnid in enumerate(("n01443537", "n01629819", "n02099601")):
        for i in range(10):
            path = base / "train" / wnid / "images" / f"{wnid}_{i}.JPEG"
            write_image(path, (80 * label, 0, 200), (64, 64))
        (base / "train" / wnid / f"{wnid}_boxes.txt").write_text(f"{wnid}_0.JPEG\t0\t0\t9\t9\n")
        for i in range(2):
            name = f"val_{2 * label + i}.JPEG"
            write_image(base / "val" / "images" / name, (80 * label, 0, 200), (64, 64))
            lines.append(f"{name}\t{wnid}\t0\t32\t44\t62\n")
    (base / "val" / "val_annotations.txt").write_text("".join(reversed(lines)))
    return tmp_path
