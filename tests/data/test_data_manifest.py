"""What a data set was made of, and what a later look says has changed."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from data_files import Load, SmallCifar, make_folder, write_image
from PIL import Image

import nas.data
from nas.data import examine
from nas.data.manifest import Manifest
from nas.schema import ProblemError, Task


def look(dataset: str, root: Path = Path("unused"), known: Manifest | None = None) -> Manifest:
    return examine(Task(dataset=dataset), root, known=known).manifest


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    return make_folder(tmp_path / "pets", {"cat": 6, "dog": 6})


def changes(pets: Path, before: Manifest) -> str:
    return before.changes(look(f"folder:{pets}", known=before))


class TestChanges:
    def test_nothing(self, pets: Path) -> None:
        before = look(f"folder:{pets}")
        assert before.classes == ("cat", "dog")
        assert len(before.files) == 12
        assert changes(pets, before) == ""
        assert changes(pets, Manifest.from_json(before.to_json())) == ""

    def test_a_class_more(self, pets: Path) -> None:
        before = look(f"folder:{pets}")
        shutil.copytree(pets / "dog", pets / "ape")
        messages = changes(pets, before)
        assert "1 class added (ape)" in messages
        assert "6 files added (ape/00.png, ape/01.JPG, ape/02.bmp, …)" in messages

    def test_a_class_less(self, pets: Path) -> None:
        shutil.copytree(pets / "dog", pets / "ape")
        before = look(f"folder:{pets}")
        shutil.rmtree(pets / "cat")
        assert "1 class removed (cat); 6 files removed" in changes(pets, before)

    def test_files_added_removed_and_changed(self, pets: Path) -> None:
        before = look(f"folder:{pets}")
        (pets / "cat" / "00.png").unlink()
        write_image(pets / "dog" / "99.png", (9, 9, 9), (20, 16))
        write_image(pets / "dog" / "03.png", (1, 2, 3), (20, 16))
        assert changes(pets, before) == (
            "1 file added (dog/99.png); 1 file removed (cat/00.png); 1 file changed (dog/03.png)"
        )

    def test_an_image_that_moves_to_another_class(self, pets: Path) -> None:
        before = look(f"folder:{pets}")
        (pets / "cat" / "00.png").rename(pets / "dog" / "0.png")
        assert "1 file added (dog/0.png); 1 file removed (cat/00.png)" in changes(pets, before)

    def test_a_touched_file_is_the_same(self, pets: Path) -> None:
        before = look(f"folder:{pets}")
        os.utime(pets / "cat" / "00.png", (1, 1))
        assert changes(pets, before) == ""

    def test_a_known_file_is_not_read_again(
        self, pets: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = look(f"folder:{pets}")
        digest = hashlib.file_digest
        read = []

        def counted(file: BinaryIO, kind: str) -> object:
            read.append(Path(file.name).name)
            return digest(file, kind)

        monkeypatch.setattr(hashlib, "file_digest", counted)
        assert look(f"folder:{pets}", known=before) == before
        assert read == []
        os.utime(pets / "cat" / "00.png", (1, 1))
        again = look(f"folder:{pets}", known=before)
        assert read == ["00.png"]
        assert before.changes(again) == ""

    def test_other_content_of_the_same_size_and_time(self, pets: Path) -> None:
        before = look(f"folder:{pets}")
        path = pets / "cat" / "00.png"
        status = path.stat()
        path.write_bytes(bytes(status.st_size))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert changes(pets, before) == "1 file changed (cat/00.png)"

    def test_a_swap_of_two_files_of_the_same_size_and_time(self, tmp_path: Path) -> None:
        for name, colour in (("cat", "red"), ("dog", "blue")):
            make_folder(tmp_path, {name: 6})
            Image.new("RGB", (8, 8), colour).save(tmp_path / name / "x.bmp")
            os.utime(tmp_path / name / "x.bmp", (1, 1))
        before = look(f"folder:{tmp_path}")
        cat, dog, aside = (tmp_path / at for at in ("cat/x.bmp", "dog/x.bmp", "aside"))
        cat.rename(aside)
        dog.rename(cat)
        aside.rename(dog)
        assert changes(tmp_path, before) == "2 files changed (cat/x.bmp, dog/x.bmp)"

    def test_a_record_from_before_the_second_time_was_kept(self, pets: Path) -> None:
        now = look(f"folder:{pets}")
        old = Manifest(now.classes, {n: f._replace(changed=None) for n, f in now.files.items()})
        text = json.dumps([old.classes, {name: file[:3] for name, file in old.files.items()}])
        assert Manifest.from_json(text) == old
        assert look(f"folder:{pets}", known=old) == now
        path = pets / "cat" / "00.png"
        status = path.stat()
        path.write_bytes(bytes(status.st_size))
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        assert changes(pets, old) == "1 file changed (cat/00.png)"

    def test_what_lies_beside_the_images_does_not_count(self, pets: Path) -> None:
        before = look(f"folder:{pets}")
        (pets / "cat" / "notes.txt").write_text("good cats")
        (pets / ".DS_Store").write_bytes(b"x")
        assert changes(pets, before) == ""

    def test_names_of_any_encoding(self, pets: Path) -> None:
        odd = os.fsdecode(b"caf\xe9 \xff.png")
        shutil.copy(pets / "cat" / "00.png", pets / "cat" / odd)
        before = look(f"folder:{pets}")
        again = Manifest.from_json(before.to_json())
        assert f"cat/{odd}" in again.files
        assert before.to_json().isascii()


class TestDataSets:
    def test_embedded_and_computed(self) -> None:
        embedded = {"digits": 1, "inverted-digits": 1, "noisy-digits": 1}
        for name, files in (embedded | {"clusters": 0, "synthetic": 0}).items():
            assert len(look(name).files) == files

    def test_cifar(self, small_cifar: tuple[str, SmallCifar], tmp_path: Path) -> None:
        name, cifar = small_cifar
        before = look(name, tmp_path)
        [first, *_] = sorted(path.name for path in cifar.folder.iterdir())
        (cifar.folder / first).write_bytes(b"other")
        changed = before.changes(look(name, tmp_path, known=before))
        assert changed == f"1 file changed ({cifar.folder.name}/{first})"

    def test_what_lies_beside_cifar_does_not_count(
        self, small_cifar: tuple[str, SmallCifar], tmp_path: Path
    ) -> None:
        name, cifar = small_cifar
        before = look(name, tmp_path)
        assert len(before.files) == len(list(cifar.folder.iterdir()))
        (cifar.folder / ".DS_Store").write_bytes(b"x")
        (cifar.folder / "notes.txt").write_text("good cats")
        assert before.changes(look(name, tmp_path, known=before)) == ""

    def test_tiny_imagenet(self, tiny_imagenet: Path) -> None:
        before = look("tiny-imagenet", tiny_imagenet)
        assert len(before.classes) == 3
        assert len(before.files) == 30 + 6 + 1  # images and the table of their labels
        notes = tiny_imagenet / "tiny-imagenet-200" / "val" / "val_annotations.txt"
        notes.write_text("\n".join(sorted(notes.read_text().splitlines())) + "\n")
        changed = before.changes(look("tiny-imagenet", tiny_imagenet, known=before))
        assert "1 file changed" in changed

    def test_what_systems_leave_in_tiny_imagenet_does_not_count(
        self, tiny_imagenet: Path, load_small: Load
    ) -> None:
        before = look("tiny-imagenet", tiny_imagenet)
        base = tiny_imagenet / "tiny-imagenet-200"
        (base / "train" / ".ipynb_checkpoints").mkdir()
        for path in ("train/n01443537/images/._n01443537_0.JPEG", "val/images/._val_0.JPEG"):
            (base / path).write_bytes(b"none of yours")
        assert before.changes(look("tiny-imagenet", tiny_imagenet, known=before)) == ""
        assert look("tiny-imagenet", tiny_imagenet) == before
        assert len(load_small("tiny-imagenet").train) == 27
        assert nas.data.num_classes("tiny-imagenet", tiny_imagenet) == 3
        need = nas.data.memory_bytes("tiny-imagenet", tiny_imagenet, image_size=64, channels=3)
        assert need == 36 * 3 * 64 * 64


class TestExamine:
    def test_every_image_is_looked_at(self, pets: Path) -> None:
        reported = []
        examine(
            Task(dataset=f"folder:{pets}"),
            pets,
            tell=lambda done, total: reported.append((done, total)),
        )
        assert (12, 12) in reported
        (pets / "cat" / "x.png").write_text("no image")
        (pets / "dog" / "y.jpg").touch()
        with pytest.raises(ProblemError, match=r"2 of 14 images.*x\.png.*y\.jpg"):
            look(f"folder:{pets}")

    def test_blank_images(self, tmp_path: Path) -> None:
        for name in ("cat", "dog"):
            for i in range(8):
                (tmp_path / name).mkdir(exist_ok=True)
                Image.new("RGB", (4, 4), "black" if name == "cat" else (i, 99, 200)).save(
                    tmp_path / name / f"{i}.png"
                )
        with pytest.raises(ProblemError, match=r"12 of 12 training images are blank"):
            look(f"folder:{tmp_path}")

    def test_a_class_too_small_to_divide(self, tmp_path: Path) -> None:
        make_folder(tmp_path, {"cat": 9, "dog": 3})
        with pytest.raises(ProblemError, match="class dog has 1 training image"):
            examine(Task(dataset=f"folder:{tmp_path}", hold_out=0.2), tmp_path)

    def test_notes(self, tmp_path: Path) -> None:
        for name in ("dark", "light"):
            (tmp_path / name).mkdir()
            for i in range(8):
                values = np.arange(16, dtype=np.uint16).reshape(4, 4) * 100 + i
                page = Image.fromarray(values)
                page.save(
                    tmp_path / name / f"{i}.tif", save_all=True, append_images=[page] * (i == 0)
                )
        for name in ("dark/1.gif", "light/2.GIF", "light/README", "dark/.DS_Store"):
            (tmp_path / name).touch()
        notes = examine(Task(dataset=f"folder:{tmp_path}", split_seed=2), tmp_path).notes
        assert any("becomes 0" in note and "becomes 1" in note for note in notes)
        assert "2 images have several frames: the first is read." in notes
        assert "Other files, not read as images: 2 of .gif, 1 of no suffix." in notes


class TestCopies:
    """A file twice: in two classes one label is wrong, in two splits accuracy is too high."""

    @staticmethod
    def notes(dataset: str) -> str:
        return "\n".join(examine(Task(dataset=dataset), Path("unused")).notes)

    def test_none(self, pets: Path) -> None:
        assert "more than one" not in self.notes(f"folder:{pets}")

    def test_in_two_classes(self, pets: Path) -> None:
        shutil.copy(pets / "cat" / "00.png", pets / "dog" / "copy.png")
        notes = self.notes(f"folder:{pets}")
        assert "1 image is in more than one class, so a label is wrong: " in notes
        assert {"cat/00.png", "dog/copy.png"} <= set(notes.replace(".\n", " ").split())

    def test_in_two_splits(self, tmp_path: Path) -> None:
        for part in ("train", "val", "test"):
            make_folder(tmp_path / part, {"cat": 4, "dog": 4})
        notes = self.notes(f"folder:{tmp_path}")
        assert "8 images are in more than one split, so measured accuracies are too high: " in notes
        assert "train/cat/00.png and val/cat/00.png." in notes
        assert "class, so" not in notes
