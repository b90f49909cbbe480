"""Rendered-like source texts and small real data sets."""

from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from train_samples import FAMILIES, MIXTURE

import nas.data
from nas.data.batches import Data, Preparation, TensorSplit
from nas.schema import Candidate, Member, Recipe, Task, Trial
from nas.schema.candidate import Expert


@pytest.fixture(scope="session")
def digits() -> Data:
    """All of the digits at 16 px, one channel."""
    return nas.data.load(
        Task(dataset="digits"),
        image_size=16,
        channels=1,
        root=Path("unused"),
        device=torch.device("cpu"),
    )


@pytest.fixture(scope="session")
def few(digits: Data) -> Data:
    """90 digits for training and 40 for each of validation and test."""

    def first(split: TensorSplit, count: int) -> TensorSplit:
        prepare = Preparation(
            16,
            torch.tensor(digits.mean).reshape(1, 1, 1, 1),
            torch.tensor(digits.std).reshape(1, 1, 1, 1),
            mirror=False,
        )
        return TensorSplit(split.images[:count], split.labels[:count], prepare)

    parts = [digits.train, digits.val, digits.test]
    assert all(isinstance(part, TensorSplit) for part in parts)
    train, val, test = (
        first(part, count)
        for part, count in zip(parts, (90, 40, 40), strict=True)
        if isinstance(part, TensorSplit)
    )
    return Data(train, val, test, digits.class_names, digits.mean, digits.std)


@pytest.fixture(scope="session")
def image_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 digits of each kind as image files: 140 for training, 30 each to validate and test."""
    where = tmp_path_factory.mktemp("digits")
    source = load_digits()
    for label in range(10):
        (where / str(label)).mkdir()
        for i, pixels in enumerate(source.images[source.target == label][:20]):
            Image.fromarray((pixels * 15).astype("uint8")).save(where / str(label) / f"{i}.png")
    return where


@pytest.fixture
def make_trial(tmp_path: Path, image_folder: Path) -> Any:
    """A trial on a few digits at 16 px; keyword arguments change it or its candidate."""

    def make(code: str = MIXTURE, attempt: int = 1, **changes: Any) -> Trial:
        recipe = {"epochs": 2, "batch_size": 20, "lr": 3e-3} | changes.pop("recipe", {})
        experts = tuple(
            Expert(family=family, member=Member(model=f"model_{family}"))
            for family in changes.pop("families", FAMILIES if "experts" in code else FAMILIES[:1])
        )
        candidate = Candidate(
            template="moe4",
            template_hash="0",
            image_size=16,
            channels=1,
            experts=experts,
            choices=changes.pop("choices", {}),
            init_from=changes.pop("init_from", ()),
            recipe=Recipe(**recipe),
            task=Task(
                dataset=changes.pop("dataset", f"folder:{image_folder}"),
                hold_out=changes.pop("hold_out", 0.0),
            ),
            replicate=changes.pop("replicate", 0),
        )
        folder = tmp_path / str(attempt)
        fields = {
            "attempt": attempt,
            "candidate": candidate,
            "code": code,
            "folder": str(folder),
            "stop_file": str(tmp_path / "stop"),
            "data_root": str(tmp_path),
        }
        return Trial(**(fields | changes))

    return make
