"""The order of batches: even sizes, and never a single image."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nas.data.batches import batch_indices, steps


@given(st.integers(2, 300), st.integers(2, 70), st.booleans())
def test_every_image_comes_once_in_even_batches_and_none_alone(
    count: int, batch_size: int, shuffled: bool
) -> None:
    batches = batch_indices(
        count, batch_size, torch.Generator().manual_seed(0) if shuffled else None
    )
    assert sorted(torch.cat(batches).tolist()) == list(range(count))
    sizes = [len(batch) for batch in batches]
    assert len(sizes) == steps(count, batch_size)
    assert min(sizes) >= 2
    assert max(sizes) - min(sizes) <= 1
    assert max(sizes) <= max(batch_size, 3)


@pytest.mark.parametrize(
    ("count", "batch_size", "sizes"),
    [
        (7, 2, [3, 2, 2]),  # 2, 2, 2 and 1, but for the last that joins another
        (3, 2, [3]),
        (9, 4, [3, 3, 3]),
        (8, 4, [4, 4]),
        (1, 2, [1]),  # one image to be scored is no batch to be trained on
    ],
)
def test_by_hand(count: int, batch_size: int, sizes: list[int]) -> None:
    assert [len(batch) for batch in batch_indices(count, batch_size, None)] == sizes
