"""Data sets to load."""

from pathlib import Path

import pytest
import torch
import torchvision.datasets
from data_files import Load, SmallCifar, write_image

from nas.data.batches import Data
from nas.data.loading import load


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
