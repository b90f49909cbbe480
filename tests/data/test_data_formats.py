"""Sets on the disk, read from small files in the real formats."""

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from data_files import Load, SmallCifar, make_folder, write_image

import nas.data
from nas.data.batches import Data, Preparation, Split, TensorSplit
from nas.data.catalog import find
from nas.data.files import AHEAD, Decoder, FileSplit
from nas.schema import ProblemError


def pixels(split: Split) -> torch.Tensor:
    assert isinstance(split, TensorSplit)
    return split.images


def every_label_is_painted(data: Data, red_of_class: int) -> None:
    """The red of an image's top left pixel is `red_of_class` times its label, give or take."""
    for split in (data.train, data.val, data.test):
        red = pixels(split)[:, 0, 0, 0].float()
        assert ((red - red_of_class * split.labels).abs() <= 0.4 * red_of_class).all()


def streamed(paths: Sequence[Path], decode: Any, threads: int) -> FileSplit:
    """These files, of one class each, in images of 8 pixels."""
    zero, one = torch.zeros(1, 3, 1, 1), torch.ones(1, 3, 1, 1)
    preparation = Preparation(8, zero, one, mirror=False)
    labels = torch.arange(len(paths))
    return FileSplit(paths, labels, preparation, decode=decode, threads=threads)


class TestCifar:
    def test_the_official_test_set_is_the_test_set(
        self,
        small_cifar: tuple[str, SmallCifar],
        load_small: Load,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        name, files = small_cifar
        files.accept(monkeypatch)
        data = load_small(name)
        # 20 a class for training, 10 % of them for validation; 4 a class for testing
        assert len(data.train) == 18 * files.classes
        assert len(data.val) == 2 * files.classes
        assert len(data.test) == 4 * files.classes
        assert data.class_names[1] == "class 1"
        every_label_is_painted(data, red_of_class=1)

    def test_files_with_other_checksums_are_refused(
        self, small_cifar: tuple[str, SmallCifar], load_small: Load
    ) -> None:
        with pytest.raises(ProblemError, match=r"damaged.*nas data get cifar"):
            load_small(small_cifar[0])

    def test_a_truncated_file_is_refused(
        self,
        small_cifar: tuple[str, SmallCifar],
        load_small: Load,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        name, files = small_cifar
        files.accept(monkeypatch)
        path = files.folder / files.cls.train_list[0][0]  # type: ignore[attr-defined]
        path.write_bytes(path.read_bytes()[:-100])
        with pytest.raises(ProblemError, match="damaged"):
            load_small(name)

    def test_the_checked_folder_is_the_one_torchvision_reads(
        self, small_cifar: tuple[str, SmallCifar]
    ) -> None:
        name, files = small_cifar
        source, _ = find(name, Path())
        assert files.cls.base_folder == source.folder  # type: ignore[attr-defined]
        read = [name for name, _ in files.cls.train_list + files.cls.test_list]  # type: ignore[attr-defined]
        read.append(files.cls.meta["filename"])  # type: ignore[attr-defined]
        assert sorted(read) == sorted(source.published[:-1])

    def test_above_the_memory_limit_images_are_stored_at_their_own_size(
        self,
        small_cifar: tuple[str, SmallCifar],
        load_small: Load,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        name, files = small_cifar
        files.accept(monkeypatch)
        count = 24 * files.classes
        data = load_small(name, image_size=64, memory_limit=count * 3 * 32 * 32)
        assert pixels(data.train).shape[-2:] == (32, 32)
        x, _ = next(iter(data.train.batches(5)))
        assert x.shape == (5, 3, 64, 64)
        with pytest.raises(ProblemError, match="memory limit"):
            load_small(name, image_size=64, memory_limit=count * 3 * 32 * 32 - 1)


class TestTinyImageNet:
    def test_labelled_validation_images_are_the_test_set(
        self, tiny_imagenet: Path, load_small: Load
    ) -> None:
        data = load_small("tiny-imagenet")
        assert (len(data.train), len(data.val), len(data.test)) == (27, 3, 6)
        assert data.class_names == ("n01443537", "n01629819", "n02099601")
        assert nas.data.num_classes("tiny-imagenet", tiny_imagenet) == 3
        need = nas.data.memory_bytes("tiny-imagenet", tiny_imagenet, image_size=64, channels=3)
        assert need == (27 + 3 + 6) * 3 * 64 * 64
        every_label_is_painted(data, red_of_class=80)

    def test_above_the_memory_limit_images_are_stored_at_their_own_size(
        self, tiny_imagenet: Path, load_small: Load
    ) -> None:
        data = load_small("tiny-imagenet", image_size=128, memory_limit=36 * 3 * 64 * 64)
        assert pixels(data.train).shape[-2:] == (64, 64)

    def test_an_annotation_of_an_unknown_class_is_located(
        self, tiny_imagenet: Path, load_small: Load
    ) -> None:
        notes = tiny_imagenet / "tiny-imagenet-200" / "val" / "val_annotations.txt"
        notes.write_text(notes.read_text() + "val_9.JPEG\tn00000000\t0\t0\t1\t1\n")
        with pytest.raises(ProblemError, match=r"val_annotations.txt:7: 'n00000000'"):
            load_small("tiny-imagenet")


class TestFolder:
    def test_it_is_divided_with_every_class_in_every_split(
        self, tmp_path: Path, load_small: Load
    ) -> None:
        path = make_folder(tmp_path / "pets", {"cat": 20, "dog": 6})
        data = load_small(f"folder:{path}")
        assert data.class_names == ("cat", "dog")
        # 15 % of 20 is 3, of 6 is 1
        for split in (data.val, data.test):
            assert split.labels.bincount().tolist() == [3, 1]
        assert data.train.labels.bincount().tolist() == [14, 4]

    def test_given_parts_are_kept(self, tmp_path: Path, load_small: Load) -> None:
        path = tmp_path / "pets"
        make_folder(path / "train", {"cat": 7, "dog": 7})
        make_folder(path / "val", {"cat": 2, "dog": 3})
        make_folder(path / "test", {"cat": 4})
        data = load_small(f"folder:{path}")
        assert data.train.labels.bincount().tolist() == [7, 7]
        assert data.val.labels.bincount().tolist() == [2, 3]
        assert data.test.labels.tolist() == [0] * 4
        need = nas.data.memory_bytes(f"folder:{path}", path, image_size=8, channels=1)
        assert need == (14 + 5 + 4) * 8 * 8

    def test_a_missing_part_comes_off_train(self, tmp_path: Path, load_small: Load) -> None:
        path = tmp_path / "pets"
        make_folder(path / "train", {"cat": 10, "dog": 10})
        make_folder(path / "test", {"cat": 4, "dog": 4})
        data = load_small(f"folder:{path}")
        # 15 % of 10 is 1.5, rounded to 2
        assert data.val.labels.bincount().tolist() == [2, 2]
        assert data.train.labels.bincount().tolist() == [8, 8]
        assert len(data.test) == 8

    def test_images_in_deeper_folders_and_other_files(
        self, tmp_path: Path, load_small: Load
    ) -> None:
        path = make_folder(tmp_path / "pets", {"cat": 5, "dog": 5})
        write_image(path / "cat" / "black" / "x.png", (9, 9, 9), (5, 5))
        (path / "cat" / "notes.txt").write_text("not an image")
        data = load_small(f"folder:{path}")
        assert len(data.train) + len(data.val) + len(data.test) == 11

    def test_a_wide_image_is_cut_not_squeezed(self, tmp_path: Path, load_small: Load) -> None:
        from PIL import Image

        path = make_folder(tmp_path / "pets", {"cat": 5, "dog": 5})
        wide = Image.new("RGB", (96, 32), (255, 0, 0))
        wide.paste((0, 0, 255), (32, 0, 64, 32))  # blue in the middle third
        for i in range(5):
            wide.save(path / "dog" / f"{i}.png")
            for old in (path / "dog").glob(f"{i:02d}.*"):
                old.unlink()
        data = load_small(f"folder:{path}")
        dogs = pixels(data.train)[data.train.labels == 1]
        assert (dogs[:, 2] == 255).all()
        assert (dogs[:, 0] == 0).all()

    @pytest.mark.parametrize("limit", [2**32, 0], ids=["memory", "stream"])
    def test_a_broken_image_is_named(self, tmp_path: Path, load_small: Load, limit: int) -> None:
        path = make_folder(tmp_path / "pets", {"cat": 6, "dog": 6})
        broken = path / "dog" / "broken.png"
        broken.write_bytes((path / "dog" / "00.png").read_bytes()[:40])

        def read_all() -> None:
            data = load_small(f"folder:{path}", memory_limit=limit)
            for split in (data.train, data.val, data.test):
                list(split.batches(4))

        with pytest.raises(ProblemError) as caught:
            read_all()
        assert caught.value.problem.where == str(broken)
        assert "repair or remove" in caught.value.problem.fix

    def test_a_broken_image_met_by_another_thread_is_named(self, tmp_path: Path) -> None:
        path = make_folder(tmp_path / "pets", {"cat": 2}) / "cat"
        (path / "02.png").write_text("no image")
        with pytest.raises(ProblemError) as caught:
            list(streamed(sorted(path.iterdir()), Decoder(8, 3), threads=1).batches(3))
        assert caught.value.problem.where == str(path / "02.png")

    def test_threads_decode_what_the_main_thread_would(self, tmp_path: Path) -> None:
        """Threads, not processes: none can be killed, and no shared memory can be too small."""
        paths = sorted(make_folder(tmp_path / "pets", {"cat": 41}).rglob("*.png"))
        seen: set[tuple[int, int]] = set()

        def decode(path: Path) -> torch.Tensor:
            seen.add((os.getpid(), threading.get_ident()))
            return Decoder(8, 3)(path)

        passes = []
        for threads in (0, 2):
            seen.clear()
            split = streamed(paths, decode, threads)
            passes.append(list(split.batches(3, generator=torch.Generator().manual_seed(1))))
            assert {pid for pid, _ in seen} == {os.getpid()}
            assert ((os.getpid(), threading.get_ident()) in seen) == (threads == 0)
        for (x, labels), (y, others) in zip(*passes, strict=True):
            assert torch.equal(x, y)
            assert torch.equal(labels, others)

    def test_whoever_stops_leaves_no_thread_and_reads_no_further(self, tmp_path: Path) -> None:
        paths = [tmp_path / str(i) for i in range(100)]
        read: list[Path] = []

        def decode(path: Path) -> torch.Tensor:
            read.append(path)
            return torch.zeros(3, 8, 8, dtype=torch.uint8)

        before = threading.active_count()
        batches = iter(streamed(paths, decode, threads=2).batches(1))
        next(batches)
        batches.close()  # type: ignore[attr-defined]
        assert threading.active_count() <= before
        assert len(read) <= 2 * (2 * AHEAD + 1)  # two images a batch

    def test_want_of_memory_in_a_thread_is_raised_as_memory_error(self, tmp_path: Path) -> None:
        def decode(path: Path) -> torch.Tensor:
            raise MemoryError

        with pytest.raises(MemoryError):
            list(streamed([tmp_path] * 9, decode, threads=2).batches(3))

    def test_streamed_and_stored_batches_are_equal(self, tmp_path: Path, load_small: Load) -> None:
        path = make_folder(tmp_path / "pets", {"cat": 9, "dog": 9})
        stored = load_small(f"folder:{path}")
        streamed = load_small(f"folder:{path}", memory_limit=0)
        for augment in ("none", "light", "strong"):
            passes = [
                data.train.batches(5, generator=torch.Generator().manual_seed(1), augment=augment)
                for data in (stored, streamed)
            ]
            for (x, labels), (y, others) in zip(*passes, strict=True):
                torch.testing.assert_close(x, y)
                assert torch.equal(labels, others)
