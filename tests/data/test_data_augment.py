"""Augmentation. Shapes: B batch, C channels."""

from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nas.data.augment import crop, erase, jitter
from nas.data.catalog import find


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def counting(batch: int, size: int) -> torch.Tensor:
    """Images in which every pixel is different, uint8 `(B, 2, size, size)`."""
    return torch.randint(0, 256, (batch, 2, size, size), generator=seeded(9)).to(torch.uint8)


@given(st.integers(0, 999), st.booleans())
def test_a_crop_is_a_window_of_the_reflect_padded_image(seed: int, mirror: bool) -> None:
    images = counting(3, 6)
    index = torch.tensor([2, 0])
    got = crop(images, index, shift=2, mirror=mirror, generator=seeded(seed))
    assert got.dtype == torch.uint8
    for image, source in zip(got, images[index], strict=True):
        padded = torch.nn.functional.pad(source.float(), (2, 2, 2, 2), mode="reflect")
        windows = [
            view
            for dy in range(5)
            for dx in range(5)
            for window in [padded[:, dy : dy + 6, dx : dx + 6]]
            for view in ([window, window.flip(2)] if mirror else [window])
        ]
        assert any(torch.equal(image.float(), window) for window in windows)


def test_crops_differ_between_images_and_reach_every_shift() -> None:
    images = counting(1, 8)
    got = crop(
        images, torch.zeros(400, dtype=torch.int64), shift=1, mirror=True, generator=seeded()
    )
    assert len({tuple(image.flatten().tolist()) for image in got}) == 9 * 2  # 3 × 3 shifts


def test_without_shift_and_mirroring_nothing_changes() -> None:
    images = counting(4, 5)
    index = torch.tensor([3, 1, 1])
    got = crop(images, index, shift=0, mirror=False, generator=seeded())
    assert torch.equal(got, images[index])


@pytest.mark.parametrize("channels", [1, 3])
def test_jitter_keeps_shape_and_range_and_differs_between_images(channels: int) -> None:
    x = torch.rand(1, channels, 8, 8, generator=seeded()).expand(16, -1, -1, -1)
    got = jitter(x, generator=seeded(1))
    assert got.shape == x.shape
    assert got.min() >= 0
    assert got.max() <= 1
    assert len({round(float(image.sum()), 4) for image in got}) == 16


def test_jitter_leaves_a_grey_image_grey() -> None:
    x = torch.rand(4, 1, 8, 8, generator=seeded()).expand(-1, 3, -1, -1)
    got = jitter(x, generator=seeded(1))
    torch.testing.assert_close(got[:, 0], got[:, 1])
    torch.testing.assert_close(got[:, 0], got[:, 2])


def test_erasing_takes_one_rectangle_from_a_quarter_of_the_images() -> None:
    got = erase(torch.ones(2000, 3, 16, 16), generator=seeded())
    holes = got == 0
    assert torch.equal(holes[:, 0], holes[:, 2])
    touched = holes[:, 0].flatten(1).any(1)
    assert 0.21 < touched.float().mean() < 0.29  # 4 standard errors around ¼
    for hole in holes[touched, 0]:
        rows, columns = hole.any(1), hole.any(0)
        assert torch.equal(hole, rows[:, None] & columns[None, :])  # a rectangle
        for side in (rows, columns):
            assert 1 <= side.sum() <= 8
            assert side.nonzero().flatten().diff().max(0).values <= 1 if side.sum() > 1 else True


@pytest.mark.parametrize("source", ["digits", "noisy-digits", "synthetic"])
def test_sets_whose_classes_do_not_survive_it_are_not_mirrored(source: str) -> None:
    assert not find(source, Path())[0].read(Path("unused")).mirror


def test_a_mirrored_grating_would_change_its_class() -> None:
    # Why `synthetic` is not mirrored: class 1 flipped correlates with class 3's direction.
    raw = find("synthetic", Path())[0].read(Path("unused"))

    def slope(label: int, flip: bool) -> float:
        """Mean product of horizontal and vertical gradients: its sign is the diagonal's."""
        pixels = torch.from_numpy(raw.train.pixels[raw.train.labels == label]).float().mean(1)
        pixels = pixels.flip(2) if flip else pixels
        dy, dx = pixels.diff(dim=1)[:, :, :-1], pixels.diff(dim=2)[:, :-1, :]
        return float((dx * dy).mean())

    assert slope(1, flip=False) > 0 > slope(3, flip=False)
    assert slope(1, flip=True) < 0
