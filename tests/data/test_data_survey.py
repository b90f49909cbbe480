"""Every file is looked at: what is refused, in which words, and the one range of deep images."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import numpy as np
import pytest
from data_files import Load, make_folder, write_deep_png, write_image, write_tiff
from PIL import Image

from nas.data import reading
from nas.data.files import Decoder, decode_all
from nas.data.reading import each
from nas.data.survey import Look, check_pixels, look, look_at_all, value_range
from nas.schema import ProblemError


def grey(path: Path, values: object, dtype: type = np.uint16) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(values, dtype=dtype)).save(path)
    return path


class TestBadFiles:
    def hostile(self, where: Path) -> dict[str, Path]:
        sound = where / "sound.png"
        write_image(sound, (1, 2, 3), (300, 300))
        files = {
            "empty": b"",
            "text": b"this is no image",
            "cut": sound.read_bytes()[:60],
            "head": sound.read_bytes()[:20],
        }
        paths = {name: where / f"{name}.png" for name in files}
        for name, content in files.items():
            paths[name].write_bytes(content)
        paths["gone"] = where / "gone.png"
        paths["gone"].symlink_to(where / "nothing")
        paths["pipe"] = where / "pipe.png"
        os.mkfifo(paths["pipe"])
        paths["double"] = write_tiff(where / "double.tif", np.zeros((2, 2)), sample=3)
        return paths

    def test_each_is_named(self, tmp_path: Path) -> None:
        for name, path in self.hostile(tmp_path).items():
            with pytest.raises(ProblemError, match="cannot read this image") as caught:
                look(path)
            assert caught.value.problem.where == str(path), name

    def test_a_decompression_bomb(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        path = tmp_path / "bomb.png"
        Image.new("1", (300, 300)).save(path)
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 40_000)
        with pytest.raises(ProblemError, match="decompression bomb"):
            look(path)

    def test_all_of_them_at_once(self, tmp_path: Path) -> None:
        bad = self.hostile(tmp_path)
        reported = []
        with pytest.raises(ProblemError, match="7 of 8 images cannot be read") as caught:
            look_at_all(
                [tmp_path / "sound.png", *bad.values()], lambda *step: reported.append(step)
            )
        assert all(str(path) in caught.value.problem.what for path in bad.values())
        assert reported == [(n, 8) for n in range(1, 9)]

    def test_ten_and_a_count(self, tmp_path: Path) -> None:
        paths = [tmp_path / f"{i:02d}.png" for i in range(13)]
        for path in paths:
            path.touch()
        with pytest.raises(ProblemError, match=r"13 of 13 images.*and 3 more") as caught:
            look_at_all(paths)
        named = [str(path) in caught.value.problem.what for path in paths]
        assert named == [True] * 10 + [False] * 3

    def test_whoever_stops_waits_for_no_other_file(self, monkeypatch: pytest.MonkeyPatch) -> None:
        begun = []
        over = Event()

        class Pool(ThreadPoolExecutor):
            """Whose threads get on when it has been shut down."""

            def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
                super().shutdown(wait=False, cancel_futures=cancel_futures)
                over.set()
                super().shutdown(wait)

        def slow(path: Path) -> None:
            begun.append(path)
            if path.name != "0":
                over.wait()

        def interrupt(done: int, total: int) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(reading, "ThreadPoolExecutor", Pool)
        with pytest.raises(KeyboardInterrupt):
            list(each(slow, [Path(str(i)) for i in range(400)], interrupt))
        assert len(begun) <= 1 + 4  # the first, and what the four threads had begun meanwhile

    def test_decoding_names_all_too(self, tmp_path: Path) -> None:
        paths = list(self.hostile(tmp_path).values())
        with pytest.raises(ProblemError, match="7 of 7 images cannot be read"):
            decode_all(paths, Decoder(8, 3))


class TestRange:
    def test_it_is_the_training_images_own(self, tmp_path: Path) -> None:
        looks = [
            look(grey(tmp_path / "a.png", [[300, 900]])),
            look(grey(tmp_path / "b.png", [[500, 4095]])),
        ]
        assert value_range(looks) == (300, 4095)

    def test_negative_values(self, tmp_path: Path) -> None:
        path = grey(tmp_path / "a.tif", [[-1000, 3000]], np.int32)
        assert value_range([look(path)]) == (-1000, 3000)

    def test_shares_stay_as_they_are(self, tmp_path: Path) -> None:
        path = grey(tmp_path / "a.tif", [[0.25, 0.75]], np.float32)
        assert value_range([look(path)]) == (0, 1)
        path = grey(tmp_path / "b.tif", [[0.25, 1.5]], np.float32)
        assert value_range([look(path)]) == (0.25, 1.5)

    def test_shares_that_use_little_of_their_range_are_scaled(self, tmp_path: Path) -> None:
        path = grey(tmp_path / "a.tif", [[0.125, 0.25]], np.float32)
        assert value_range([look(path)]) == (0.125, 0.25)

    def test_what_is_transparent_does_not_count(self, tmp_path: Path) -> None:
        values = np.array([[[0], [300]], [[0], [900]]], dtype=np.uint16)
        path = write_deep_png(tmp_path / "a.png", values, key=(0,))
        assert value_range([look(path)]) == (300, 900)

    def test_a_hot_pixel_darkens_nothing(self, tmp_path: Path) -> None:
        # One of 40,000 pixels: an image's darkest and brightest 0.01 % (4 pixels) do not count.
        values = np.tile(np.arange(200), (200, 1)) * 10
        values[3, 3], values[5, 5] = 65535, 0
        assert value_range([look(grey(tmp_path / "a.png", values))]) == (0, 1990)

    @pytest.mark.parametrize("side", [11, 28, 64, 101])
    def test_a_hot_pixel_darkens_no_small_image(self, tmp_path: Path, side: int) -> None:
        values = np.tile(np.arange(side), (side, 1)) + 1000
        values[3, 3], values[5, 5] = 65535, 0
        assert value_range([look(grey(tmp_path / "a.png", values))]) == (1000, 999 + side)

    def test_a_handful_of_pixels_are_all_meant(self, tmp_path: Path) -> None:
        values = np.full((10, 10), 1000)
        values[3, 3] = 65535
        assert value_range([look(grey(tmp_path / "a.png", values))]) == (1000, 65535)

    def test_shallow_images_have_none(self, tmp_path: Path) -> None:
        write_image(tmp_path / "a.png", (1, 2, 3), (4, 4))
        assert value_range([look(tmp_path / "a.png")]) is None

    def test_depths_side_by_side(self, tmp_path: Path) -> None:
        write_image(tmp_path / "a.png", (1, 2, 3), (4, 4))
        deep = grey(tmp_path / "b.png", [[1, 2]])
        with pytest.raises(ProblemError, match="different depths") as caught:
            look_at_all([tmp_path / "a.png", deep])
        for part in ("1 of 8 bits", "1 of integers of 16 or 32 bits", "a.png", "b.png"):
            assert part in caught.value.problem.what

    def test_a_data_set_of_12_bits_in_16(self, tmp_path: Path, load_small: Load) -> None:
        rng = np.random.default_rng(0)
        for label, base in (("dark", 0), ("light", 3000)):
            for i in range(8):
                values = base + rng.integers(0, 1000, (6, 6))
                values[0, 0], values[5, 5] = base, base + 1000  # the range is known
                grey(tmp_path / label / f"{i}.png", values)
        data, other = (load_small(f"folder:{tmp_path}", image_size=6, hold_out=h) for h in (0, 0.3))
        assert data.value_range == other.value_range == (0, 4000)
        assert data.inputs.value_range == (0, 4000)
        images = data.train.images.float()  # type: ignore[attr-defined]
        dark, light = (images[data.train.labels == label].mean() for label in (0, 1))
        assert 25 < dark < 39  # 500 of 4,000 is 32 of 255
        assert 216 < light < 230
        streamed = load_small(f"folder:{tmp_path}", image_size=6, memory_limit=0)
        [(x, _)] = data.val.batches(10)
        [(y, _)] = streamed.val.batches(10)
        np.testing.assert_allclose(x, y, atol=1e-5)

    def test_a_shallow_file_among_deep_ones_is_named(
        self, tmp_path: Path, load_small: Load
    ) -> None:
        path = make_folder(tmp_path / "pets", {"cat": 8, "dog": 8})
        grey(path / "cat" / "zz.png", [[1, 2000]])
        with pytest.raises(ProblemError, match="but the other images have 8 bits") as caught:
            load_small(f"folder:{path}")
        assert caught.value.problem.where == str(path / "cat" / "zz.png")


class TestCrowded:
    """A few values far from all others, which leave these next to no levels."""

    def folder(self, where: Path, kind: str, values: Callable[[int], np.ndarray]) -> list[Look]:
        dtype = np.float32 if kind == "tif" else np.uint16
        return [look(grey(where / f"{i:02d}.{kind}", values(i), dtype)) for i in range(20)]

    def noise(self, i: int) -> np.ndarray:
        return np.random.default_rng(i).uniform(0.015, 0.05, (32, 32))

    def refused(self, looks: list[Look], *parts: str) -> None:
        with pytest.raises(ProblemError, match="fewer than 16 of 255 levels") as caught:
            check_pixels(looks)
        for part in parts:
            assert part in caught.value.problem.what

    def test_a_value_for_no_data_in_one_image(self, tmp_path: Path) -> None:
        def values(i: int) -> np.ndarray:
            return np.where(np.arange(32) < 8 * (i == 7), -9999, self.noise(i))

        self.refused(self.folder(tmp_path, "tif", values), "-9999 (", "07.tif")

    def test_a_value_for_no_data_in_every_image(self, tmp_path: Path) -> None:
        for mark in (-9999, 1e6):
            looks = self.folder(
                tmp_path,
                "tif",
                lambda i, mark=mark: np.where(np.arange(32) < 8, mark, self.noise(i)),  # type: ignore[misc]
            )
            self.refused(looks, f"{mark:g} (")

    def test_shares_beside_one_brighter_image(self, tmp_path: Path) -> None:
        looks = self.folder(tmp_path, "tif", lambda i: self.noise(i) * (20 if i == 3 else 1))
        self.refused(looks, "03.tif", "to 0…1")

    def test_low_contrast_of_all_is_scaled(self, tmp_path: Path) -> None:
        looks = self.folder(tmp_path, "tif", self.noise)
        check_pixels(looks)
        low, high = value_range(looks) or (0, 0)
        assert 0.0149 < low < 0.0155
        assert 0.0495 < high < 0.0501

    def test_brightness_that_differs_passes(self, tmp_path: Path) -> None:
        check_pixels(self.folder(tmp_path, "png", lambda i: 3000 * i + self.noise(i) * 10_000))

    def test_a_mask_passes(self, tmp_path: Path) -> None:
        check_pixels(self.folder(tmp_path, "png", lambda i: (self.noise(i) > 0.03) * 65535))

    def test_bright_spots_on_a_dark_ground_pass(self, tmp_path: Path) -> None:
        def cells(i: int) -> np.ndarray:
            y, x = np.mgrid[0:32, 0:32]
            return 100 + self.noise(i) * 1000 + 60_000 * np.exp(-((x - i) ** 2 + (y - 9) ** 2) / 9)

        check_pixels(self.folder(tmp_path, "png", cells))


class TestBlank:
    def looks(self, *bands: tuple[float, float], depth: str = "8 bits") -> list[Look]:
        return [
            Look(Path(f"{i}.png"), depth, (low,), (high,), 1) for i, (low, high) in enumerate(bands)
        ]

    def test_all_white(self) -> None:
        with pytest.raises(ProblemError, match="10 of 10 training images are blank") as caught:
            check_pixels(self.looks(*[(255, 255)] * 10))
        assert caught.value.problem.where == "0.png"

    def test_nearly_all(self) -> None:
        with pytest.raises(ProblemError, match="9 of 10 training images are blank"):
            check_pixels(self.looks((0, 200), *[(3, 4)] * 9))
        check_pixels(self.looks((0, 200), (0, 200), *[(3, 4)] * 8))

    @pytest.mark.parametrize("levels", [(0, 255), (0, 50, 100, 150, 200)])
    def test_each_of_another_colour(self, levels: tuple[int, ...]) -> None:
        flat = [(level, level) for level in levels for _ in range(9)]
        with pytest.raises(ProblemError, match=f"{len(flat)} of {len(flat)} training images are"):
            check_pixels(self.looks(*flat))
        shown = [(level, level + 1) for level in levels for _ in range(9)]
        check_pixels(self.looks(*shown))

    def test_deep_images_of_one_value_each(self) -> None:
        flat = [(level, level) for level in range(0, 65535, 1000)]
        with pytest.raises(ProblemError, match="66 of 66 training images are blank"):
            check_pixels(self.looks(*flat, depth="integers of 16 or 32 bits"))

    def test_one_value_alone(self, tmp_path: Path) -> None:
        flat = [look(grey(tmp_path / "a.png", [[7, 7]]))]
        with pytest.raises(ProblemError, match="only one value, 7"):
            check_pixels(flat)

    def test_deep_colour_that_was_cut_to_nothing(self, tmp_path: Path) -> None:
        twelve = np.linspace(0, 4095, 27, dtype=np.uint16).reshape(3, 3, 3)
        path = write_deep_png(tmp_path / "a.png", twelve)
        with pytest.raises(ProblemError, match="are at most 15 of 255"):
            check_pixels([look(path)])
        # What shows through is not the image's, and what is hidden does not show.
        hidden = np.dstack([twelve[..., 0], np.full((3, 3), 65535, np.uint16)])
        hidden[0] = 65535, 0
        with pytest.raises(ProblemError, match="are at most 14 of 255"):
            check_pixels([look(write_deep_png(tmp_path / "a.png", hidden))])
        sixteen = write_deep_png(tmp_path / "b.png", twelve * 16)
        check_pixels([look(sixteen)])
        write_image(tmp_path / "c.png", (1, 2, 3), (4, 4))
        check_pixels(look_at_all([sixteen, tmp_path / "c.png"]))  # white is 255 in both

    def test_a_hot_pixel_or_one_bright_image_hides_no_cut_colour(self, tmp_path: Path) -> None:
        dark = np.random.default_rng(0).integers(0, 4096, (40, 40, 3), dtype=np.uint16)
        bright = look(write_deep_png(tmp_path / "bright.png", dark * 16))
        hot = dark.copy()
        hot[3, 3] = 65535
        spotted = look(write_deep_png(tmp_path / "hot.png", hot))
        for training in ([spotted] * 3, [bright] + [spotted] * 9):
            with pytest.raises(ProblemError, match="are at most 15 of 255"):
                check_pixels(training)
        check_pixels([bright, bright] + [spotted] * 8)
