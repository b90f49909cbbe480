"""Augmentation. Shapes: B batch, C channels."""

from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from nas.data.augment import crop, distort, erase, erase_with_noise, jitter
from nas.data.batches import Preparation, TensorSplit
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


def distorted(images: torch.Tensor, seed: int = 0, **changes: Any) -> torch.Tensor:
    settings = {"size": 16, "mirror": True, "fill": [90.0] * images.shape[1]}
    return distort(images, **(settings | changes), generator=seeded(seed))


class TestDistort:
    @pytest.mark.parametrize("channels", [1, 3])
    @pytest.mark.parametrize("stored", [5, 16])
    def test_equal_images_come_out_different(self, channels: int, stored: int) -> None:
        image = torch.randint(0, 256, (1, channels, stored, stored), generator=seeded(9))
        got = distorted(image.to(torch.uint8).repeat(32, 1, 1, 1))
        assert (got.shape, got.dtype) == ((32, channels, 16, 16), torch.uint8)
        assert len({tuple(image.flatten().tolist()) for image in got}) == 32

    @pytest.mark.parametrize("channels", [1, 3])
    def test_the_generator_decides_and_the_global_one_is_untouched(self, channels: int) -> None:
        images = torch.randint(0, 256, (8, channels, 16, 16)).to(torch.uint8)
        torch.manual_seed(1)
        before = torch.get_rng_state()
        first = distorted(images)
        assert torch.equal(torch.get_rng_state(), before)
        torch.manual_seed(2)
        assert torch.equal(distorted(images), first)
        assert not torch.equal(distorted(images, seed=1), first)

    def test_the_global_generator_is_restored_after_an_error(self) -> None:
        before = torch.get_rng_state()
        with pytest.raises(TypeError):  # more than 3 channels; nas.data.load refuses them
            distorted(torch.zeros(8, 5, 16, 16, dtype=torch.uint8))
        assert torch.equal(torch.get_rng_state(), before)

    def test_a_generator_continues_from_batch_to_batch(self) -> None:
        images = torch.randint(0, 256, (8, 3, 16, 16), generator=seeded()).to(torch.uint8)
        settings: dict[str, Any] = {"size": 16, "mirror": True, "fill": [0.0] * 3}
        generator = seeded(3)
        pieces = [distort(piece, **settings, generator=generator) for piece in images.split(3)]
        assert torch.equal(torch.cat(pieces), distort(images, **settings, generator=seeded(3)))

    @pytest.mark.parametrize("channels", [1, 3])
    def test_draws_are_the_same_on_a_device_where_nothing_is_computed(self, channels: int) -> None:
        # On PyTorch's device "meta" tensors have no values: all draws happen elsewhere.
        after = []
        for device in ("cpu", "meta"):
            generator = seeded()
            images = torch.zeros(64, channels, 16, 16, dtype=torch.uint8, device=device)
            got = distort(images, size=16, mirror=True, fill=[90.0] * channels, generator=generator)
            got = erase_with_noise(got.float(), generator=generator)
            assert got.device.type == device
            after.append(generator.get_state())
        assert torch.equal(*after)

    @pytest.mark.parametrize(("mirror", "least", "most"), [(False, 0, 0.05), (True, 0.4, 0.55)])
    def test_mirroring_is_by_permission(self, mirror: bool, least: float, most: float) -> None:
        # Dark to the left, bright to the right. A few that are not mirrored look so, where a dark
        # margin comes in from the right.
        image = torch.linspace(0, 120, 16).to(torch.uint8).expand(1, 3, 16, 16)
        got = distorted(image.repeat(1000, 1, 1, 1), mirror=mirror, fill=[60.0] * 3).float()
        left, right = got[..., :8].mean((1, 2, 3)), got[..., 8:].mean((1, 2, 3))
        assert least <= (left > right).float().mean() <= most

    def test_margins_have_the_fill_colour(self) -> None:
        # A black image stays black under all changes of colour.
        got = distorted(torch.zeros(400, 3, 16, 16, dtype=torch.uint8), fill=[10.0, 20.0, 30.0])
        margins = (got != 0).flatten(1).any(1)
        assert 0.3 < margins.float().mean() < 0.7  # 1 − (9/14)² = 0.59, less the smallest ones
        filled = (got == torch.tensor([10, 20, 30])[:, None, None]).all(1).flatten(1).any(1)
        assert filled.float().mean() > 0.3

    def test_a_tenth_of_coloured_images_becomes_grey(self) -> None:
        image = torch.randint(0, 256, (1, 3, 16, 16), generator=seeded(9)).to(torch.uint8)
        got = distorted(image.repeat(1000, 1, 1, 1))
        grey = (got.amax(1) - got.amin(1)).flatten(1).amax(1) == 0
        assert 0.06 < grey.float().mean() < 0.14  # 4 standard errors around 0.1


def test_noise_fills_one_rectangle_of_a_quarter_of_the_images() -> None:
    before = torch.get_rng_state()
    got = erase_with_noise(torch.zeros(2000, 3, 16, 16), generator=seeded())
    assert torch.equal(torch.get_rng_state(), before)
    holes = (got != 0).all(1)
    assert torch.equal(holes, (got != 0).any(1))
    touched = holes.flatten(1).any(1)
    assert 0.21 < touched.float().mean() < 0.29  # 4 standard errors around ¼
    for hole in holes[touched]:
        assert torch.equal(hole, hole.any(1)[:, None] & hole.any(0)[None, :])
        assert 1 <= hole.sum() <= 0.4 * 16 * 16  # ⅓, and rounding of the sides
    std, mean = torch.std_mean(got[got != 0])
    assert float(mean) == pytest.approx(0, abs=0.03)
    assert float(std) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("channels", [1, 3])
def test_strong_batches_of_small_stored_images(channels: int) -> None:
    images = torch.randint(0, 256, (9, channels, 8, 8), generator=seeded()).to(torch.uint8)
    mean = torch.full((1, channels, 1, 1), 0.5)
    split = TensorSplit(images, torch.arange(9), Preparation(16, mean, mean / 2, mirror=False))
    ((x, labels),) = split.batches(9, generator=seeded(), augment="strong")
    assert (x.shape, x.dtype) == ((9, channels, 16, 16), torch.float32)
    assert x.is_contiguous()
    assert sorted(labels.tolist()) == list(range(9))
    assert torch.equal(split.images, images)  # what is stored is never changed


@pytest.mark.parametrize(
    "source", ["clusters", "digits", "inverted-digits", "noisy-digits", "synthetic"]
)
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
