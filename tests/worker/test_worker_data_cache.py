"""What a worker keeps of its data between trials."""

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
import torch

import nas.data
from nas.data.batches import Data, TensorSplit
from nas.data.loading import Images
from nas.schema import ProblemError, Task
from nas.worker.data_cache import DataCache

DIGITS = Task(dataset="digits")


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list["weakref.ref[Images]"]:
    """What was loaded, in order; fails where something else is still alive when it is."""
    seen: list[weakref.ref[Images]] = []
    load = nas.data.load_images

    def watched(*args: Any, **kwargs: Any) -> Images:
        assert not any(ref() for ref in seen), "two data sets at once"
        images = load(*args, **kwargs)
        seen.append(weakref.ref(images))
        return images

    monkeypatch.setattr(nas.data, "load_images", watched)
    return seen


def get(cache: DataCache, task: Task, image_size: int = 8) -> Data:
    return cache.get(
        task, image_size=image_size, channels=1, root=Path("unused"), device=torch.device("cpu")
    )


def stored(split: object) -> int:
    assert isinstance(split, TensorSplit)
    return split._stored.data_ptr()


def test_what_is_held_out_loads_nothing_again(loaded: list[Any]) -> None:
    cache = DataCache()
    whole = get(cache, DIGITS)
    part = get(cache, DIGITS.with_(hold_out=0.25))
    assert get(cache, DIGITS) is whole
    assert len(loaded) == 1
    assert part.held is not None
    assert whole.held is None
    assert len(part.train) + len(part.held) == len(whole.train)
    assert stored(part.train) == stored(part.held) == stored(whole.train)
    assert stored(part.val) == stored(whole.val)


@pytest.mark.parametrize(
    "other", [(Task(dataset="synthetic"), 8), (Task(split_seed=1), 8), (DIGITS, 16)]
)
def test_the_old_images_are_gone_before_others_come(
    loaded: list[Any], other: tuple[Task, int]
) -> None:
    cache = DataCache()
    gc.disable()  # nobody has to wait for the collector
    try:
        get(cache, DIGITS)
        get(cache, *other)
        get(cache, DIGITS)
    finally:
        gc.enable()
    assert len(loaded) == 3


def test_what_cannot_be_loaded_leaves_nothing_and_is_tried_again(loaded: list[Any]) -> None:
    cache = DataCache()
    get(cache, DIGITS)
    for _ in range(2):
        with pytest.raises(ProblemError):
            get(cache, Task(dataset="cifar10"))
        assert loaded[0]() is None
    get(cache, DIGITS)
    assert len(loaded) == 2
