"""Image files as people have them, and the pixels that a model gets."""

from pathlib import Path

import numpy as np
import pytest
import torch
from data_files import Load, write_deep_png, write_pages, write_small_png, write_tiff
from PIL import Image

from nas.data.preprocess import prepare, read

GREY = np.arange(24, dtype=np.uint8).reshape(4, 6) * 9
TURNED = {  # EXIF 2.3: where the stored rows and columns belong
    1: GREY,
    2: GREY[:, ::-1],
    3: GREY[::-1, ::-1],
    4: GREY[::-1],
    5: GREY.T,
    6: np.rot90(GREY, -1),
    7: GREY[::-1, ::-1].T,
    8: np.rot90(GREY),
}


def band(path: Path) -> np.ndarray:
    """The first band of a file as it was read."""
    values = np.asarray(read(path).image)
    return values[..., 0] if values.ndim == 3 else values


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.int32, np.float32])
@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
def test_a_tiff_is_turned_upright(
    tmp_path: Path, orientation: int, dtype: type, compression: str | None
) -> None:
    # Pillow mixes up the sides of raw TIFFs that lie on one, when it opens them by name.
    path = tmp_path / "turned.tif"
    more = {"compression": compression} if compression else {}
    Image.fromarray(GREY.astype(dtype)).save(path, tiffinfo={274: orientation}, **more)
    assert np.array_equal(band(path), TURNED[orientation])


@pytest.mark.parametrize("orientation", TURNED)
def test_a_photograph_is_turned_upright(tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[274] = orientation
    colour = Image.fromarray(np.stack([GREY] * 3, axis=2))
    for name, options in (("a.png", {}), ("a.webp", {"lossless": True}), ("a.jpg", {})):
        path = tmp_path / name
        colour.save(path, exif=exif, **options)
        assert np.abs(band(path).astype(int) - TURNED[orientation]).max() <= 4 * (name == "a.jpg")


DEEP = np.array([[0, 1, 1000], [2500, 4000, 4095]])


@pytest.mark.parametrize("deflated", [False, True])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("dtype", "sample", "shift"),
    [(np.uint16, 1, 0), (np.int16, 2, -1000), (np.int32, 2, -1000), (np.float32, 3, 0.5)],
)
def test_deep_grey_keeps_its_values(
    tmp_path: Path, order: str, deflated: bool, dtype: type, sample: int, shift: float
) -> None:
    values = (DEEP + shift).astype(dtype)
    path = tmp_path / "deep.tif"
    picture = read(write_tiff(path, values, order=order, sample=sample, deflated=deflated))
    assert picture.image.mode == "F"
    np.testing.assert_array_equal(np.asarray(picture.image), values)


def test_unsigned_32_bits_are_not_taken_for_signed(tmp_path: Path) -> None:
    values = DEEP.astype(np.uint32) * 1_000_000
    picture = read(write_tiff(tmp_path / "deep.tif", values))
    np.testing.assert_array_equal(np.asarray(picture.image), values.astype(np.float32))


def test_deep_files_that_pillow_writes(tmp_path: Path) -> None:
    for name in ("a.png", "a.tif", "a.pgm"):
        Image.fromarray(DEEP.astype(np.uint16)).save(tmp_path / name)
        np.testing.assert_array_equal(np.asarray(read(tmp_path / name).image), DEEP)


def test_a_page_that_is_a_smaller_copy_is_passed_over(tmp_path: Path) -> None:
    copy, whole, last = (Image.new("L", (side, side), side) for side in (4, 16, 8))
    for kind in (1, 3):  # bit 0; another says that it is one page of several
        path = write_pages(tmp_path / "a.tif", (copy, kind), (whole, 0), (last, 0))
        picture = read(path)
        assert (picture.image.size, picture.image.getpixel((0, 0))) == ((16, 16), 16)
        assert picture.frames == 2
    with pytest.raises(ValueError, match="a reduced copy of an image that is missing"):
        read(write_pages(tmp_path / "b.tif", (copy, 1), (copy, 1)))


def test_white_is_zero(tmp_path: Path) -> None:
    for dtype in (np.uint8, np.uint16):
        stored = np.array([[0, 100]], dtype=dtype)
        path = write_tiff(tmp_path / "film.tif", stored, meaning=0)
        top = np.iinfo(dtype).max
        assert np.asarray(read(path).image).tolist() == [[top, top - 100]]


def test_deep_colour_is_cut_to_its_upper_8_bits(tmp_path: Path) -> None:
    colour = np.array([[[0, 256, 65535], [4095, 32768, 255]]], dtype=np.uint16)
    expected = [[[0, 1, 255], [15, 128, 0]]]
    opaque = np.dstack([colour, np.full((1, 2), 65535, np.uint16)])
    paths = [
        write_tiff(tmp_path / "a.tif", colour, meaning=2),
        write_tiff(tmp_path / "b.tif", colour, meaning=2, order=">"),
        write_deep_png(tmp_path / "c.png", colour),
        write_deep_png(tmp_path / "d.png", opaque),
    ]
    for path in paths:
        picture = read(path)
        assert picture.depth == "16-bit colour"
        assert np.asarray(picture.image).tolist() == expected


@pytest.mark.parametrize("meaning", [2, 5])
def test_deep_planes_are_refused(tmp_path: Path, meaning: int) -> None:
    """Pillow takes them for planes of 8 bits, and says nothing."""
    bands = {2: 3, 5: 4}[meaning]
    for order in "<>":
        colour = np.arange(12 * bands, dtype=np.uint16).reshape(3, 4, bands) * 900
        path = write_tiff(tmp_path / "a.tif", colour, meaning=meaning, order=order, planes=True)
        with pytest.raises(ValueError, match="16-bit bands are stored in separate planes"):
            read(path)


@pytest.mark.parametrize(("meaning", "bands"), [(2, 3), (5, 4)])
def test_planes_of_8_bits_are_read(tmp_path: Path, meaning: int, bands: int) -> None:
    stored = (np.arange(12 * bands, dtype=np.uint8) * 5).reshape(3, 4, bands)
    one, other = (
        np.asarray(read(write_tiff(tmp_path / "a.tif", stored, meaning=meaning, planes=p)).image)
        for p in (False, True)
    )
    assert np.array_equal(one, other)
    assert one.shape == (3, 4, 3)


def test_planes_that_pillow_takes_for_others_are_refused(tmp_path: Path) -> None:
    lab = np.full((3, 4, 3), 90, np.uint8)
    path = write_tiff(tmp_path / "a.tif", lab, meaning=8, planes=True)
    with pytest.raises(ValueError, match=r"its L\*a\*b\* bands are stored in separate planes"):
        read(path)
    read(write_tiff(tmp_path / "a.tif", lab, meaning=8))


@pytest.mark.parametrize(("kind", "space"), [(b"P6", b""), (b"P3", b" ")])
@pytest.mark.parametrize("top", [255, 4095, 65535])
def test_a_pixmap_of_more_than_255_levels_is_deep_colour(
    tmp_path: Path, kind: bytes, space: bytes, top: int
) -> None:
    values = np.array([0, top // 2, top])
    plain = b" ".join(b"%d" % value for value in values)
    raw = values.astype(">u2" if top > 255 else "u1").tobytes()
    path = tmp_path / "a.ppm"
    path.write_bytes(kind + b" 1 1 %d\n" % top + (plain if space else raw))
    picture = read(path)
    assert picture.depth == ("8 bits" if top == 255 else "16-bit colour")
    assert np.asarray(picture.image).ravel().tolist() in ([0, 127, 255], [0, 128, 255])


def test_what_is_transparent_shows_mid_grey(tmp_path: Path) -> None:
    # Red: opaque, half, and through. Half of 255 and of 128 is 191.5; of 0 and 128, 64.
    alpha = np.array([[255, 128, 0]], dtype=np.uint8)
    red = np.dstack([np.full_like(alpha, 255), 0 * alpha, 0 * alpha, alpha])
    expected = np.array([[[255, 0, 0], [192, 64, 64], [128, 128, 128]]])
    for name in ("a.png", "a.tif", "a.webp"):
        options = {"lossless": True, "exact": True} if name == "a.webp" else {}
        Image.fromarray(red).save(tmp_path / name, **options)
        got = np.asarray(read(tmp_path / name).image).astype(int)
        assert np.abs(got - expected).max() <= 1
    Image.fromarray(np.dstack([np.full_like(alpha, 255), alpha])).save(tmp_path / "grey.png")
    got = np.asarray(read(tmp_path / "grey.png").image).astype(int)
    assert np.abs(got[0, :, 0] - [255, 192, 128]).max() <= 1


def test_a_colour_that_stands_for_transparency(tmp_path: Path) -> None:
    palette = Image.fromarray(np.array([[0, 1]], dtype=np.uint8), mode="P")
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.save(tmp_path / "p.png", transparency=1)
    colour = Image.fromarray(np.array([[[10, 20, 30], [40, 50, 60]]], dtype=np.uint8))
    colour.save(tmp_path / "c.png", transparency=(40, 50, 60))
    for name in ("p.png", "c.png"):
        got = np.asarray(read(tmp_path / name).image).tolist()
        assert got == [[[10, 20, 30], [128, 128, 128]]]


@pytest.mark.parametrize("bits", [2, 4])
def test_a_grey_of_few_bits_that_stands_for_transparency(tmp_path: Path, bits: int) -> None:
    stored = np.arange(16).reshape(2, 8) % 2**bits
    got = np.asarray(read(write_small_png(tmp_path / "a.png", stored, bits, 2)).image)[..., 0]
    assert got.tolist() == np.where(stored == 2, 128, stored * (255 // (2**bits - 1))).tolist()


def test_a_deep_grey_that_stands_for_transparency(tmp_path: Path) -> None:
    values = np.array([[[65535], [1100], [1110], [2120]]], dtype=np.uint16)
    path = write_deep_png(tmp_path / "a.png", values, key=(65535,))
    got = prepare(path, image_size=2, channels=3, value_range=(1100, 2120))
    assert got.shape == (3, 2, 2)
    tall = write_deep_png(tmp_path / "b.png", values.reshape(2, 2, 1), key=(65535,))
    got = prepare(tall, image_size=2, channels=1, value_range=(1100, 2120))
    assert got.tolist() == [[[128, 0], [2, 255]]]  # 10 of 1,020 is 2.5 of 255, to even
    none = write_deep_png(tmp_path / "c.png", np.full((2, 2, 1), 7, np.uint16), key=(7,))
    with pytest.raises(ValueError, match="all of it is transparent"):
        read(none)


def test_a_deep_colour_that_stands_for_transparency(tmp_path: Path) -> None:
    colour = np.array([[[4000, 5000, 6000], [60_000, 0, 300]]], dtype=np.uint16)
    path = write_deep_png(tmp_path / "a.png", colour, key=(4000, 5000, 6000))
    assert np.asarray(read(path).image).tolist() == [[[128, 128, 128], [234, 0, 1]]]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("suffix", ["png", "webp", "jpg"])
@pytest.mark.parametrize("exif", [b"garbage garbage", b"II*\0\x08\0\0\0\x05\0\x12\x01", b""])
def test_an_orientation_that_cannot_be_read_turns_nothing(
    tmp_path: Path, suffix: str, exif: bytes
) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (4, 2), (200, 100, 50)).save(path, exif=b"Exif\0\0" + exif)
    assert read(path).image.size == (4, 2)


def test_print_colours_and_single_bits(tmp_path: Path) -> None:
    inks = Image.new("CMYK", (2, 2), (0, 255, 255, 0))  # magenta and yellow: red
    for name in ("a.tif", "a.jpg"):
        inks.save(tmp_path / name, quality=100)
        got = np.asarray(read(tmp_path / name).image).astype(int)
        assert np.abs(got - [255, 0, 0]).max() <= 3
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "bits.png")
    assert np.asarray(read(tmp_path / "bits.png").image).tolist() == [[255, 0]]


def test_the_first_frame_counts(tmp_path: Path) -> None:
    pages = [Image.new("L", (3, 3), level) for level in (50, 200)]
    for name in ("a.tif", "a.webp", "a.png"):
        options = {"lossless": True} if name == "a.webp" else {}
        pages[0].save(tmp_path / name, save_all=True, append_images=pages[1:], **options)
        picture = read(tmp_path / name)
        assert picture.frames == 2
        assert set(np.asarray(picture.image).ravel().tolist()) == {50}


class TestPrepare:
    @pytest.mark.parametrize(("name", "side", "bands"), [("digits", 8, 1), ("synthetic", 32, 3)])
    @pytest.mark.parametrize("channels", [1, 3])
    def test_arrays_that_torch_scales_get_nearly_the_same(
        self, tmp_path: Path, load_small: Load, name: str, side: int, bands: int, channels: int
    ) -> None:
        own = load_small(name, image_size=side, channels=bands).test.images[:40]  # type: ignore[attr-defined]
        kept = 2000 * channels * side**2  # bytes: no room for more than each one's own size
        for limit, most in ((2**32, 1), (kept, 2)):
            data = load_small(name, image_size=48, channels=channels, memory_limit=limit)
            mean, std = (torch.tensor(of).view(-1, 1, 1) for of in (data.mean, data.std))
            fed = torch.cat([x for x, _ in data.test.batches(40)])
            for pixels, x in zip(own, fed, strict=False):
                image = pixels.permute(1, 2, 0).squeeze(2)
                Image.fromarray(image.numpy()).save(tmp_path / "a.png")
                got = prepare(tmp_path / "a.png", image_size=48, channels=channels)
                assert np.abs((x * std + mean).numpy() * 255 - got).max() <= most + 1e-3

    def test_deep_values_by_one_range(self, tmp_path: Path) -> None:
        path = tmp_path / "deep.png"
        Image.fromarray(np.array([[0, 100], [1100, 5000]], dtype=np.uint16)).save(path)
        got = prepare(path, image_size=2, channels=3, value_range=(100, 1120))
        # (1100 − 100) / 1020 · 255 = 250; what lies outside is clipped
        assert got.tolist() == [[[0, 0], [250, 255]]] * 3
        assert got.dtype == np.uint8

    def test_channels(self, tmp_path: Path) -> None:
        path = tmp_path / "a.png"
        Image.new("RGB", (2, 2), (100, 0, 0)).save(path)
        assert set(prepare(path, image_size=2, channels=1).ravel()) == {30}  # 0.299 · 100
        assert prepare(path, image_size=2, channels=3)[:, 0, 0].tolist() == [100, 0, 0]
        Image.new("L", (2, 2), 7).save(path)
        assert set(prepare(path, image_size=2, channels=3).ravel()) == {7}

    @pytest.mark.parametrize("size", [(1, 1), (4000, 1), (1, 4000), (37, 5)])
    def test_any_shape_fills_the_square(self, tmp_path: Path, size: tuple[int, int]) -> None:
        Image.new("RGB", size, (9, 8, 7)).save(tmp_path / "a.png")
        got = prepare(tmp_path / "a.png", image_size=8, channels=3)
        assert got.shape == (3, 8, 8)
        assert [set(plane.ravel().tolist()) for plane in got] == [{9}, {8}, {7}]

    def test_depths_that_do_not_go_with_the_others(self, tmp_path: Path) -> None:
        Image.fromarray(DEEP.astype(np.uint16)).save(tmp_path / "deep.png")
        Image.new("L", (2, 2)).save(tmp_path / "flat.png")
        with pytest.raises(ValueError, match="16 or 32 bits, but the other images have 8"):
            prepare(tmp_path / "deep.png", image_size=2, channels=1)
        with pytest.raises(ValueError, match="8 bits, but the other images have 16 or 32"):
            prepare(tmp_path / "flat.png", image_size=2, channels=1, value_range=(0, 9))

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_values_that_are_not_finite(self, tmp_path: Path, value: float) -> None:
        values = np.array([[0.5, value]], dtype=np.float32)
        Image.fromarray(values).save(tmp_path / "a.tif")
        with pytest.raises(ValueError, match="not finite"):
            read(tmp_path / "a.tif")

    def test_signed_bytes(self, tmp_path: Path) -> None:
        write_tiff(tmp_path / "a.tif", np.array([[-1, 1]], dtype=np.int8), sample=2)
        with pytest.raises(ValueError, match="signed"):
            read(tmp_path / "a.tif")
