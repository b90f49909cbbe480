"""Rendered-like source texts and a small real data set."""

from pathlib import Path

import pytest
import torch

import nas.data
from nas.data.split import Data, Preparation, TensorSplit
from nas.spec import Task


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
