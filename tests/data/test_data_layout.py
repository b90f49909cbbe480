"""Folders as people have them: parts by any name, classes, and what systems leave behind."""

import errno
import os
import shlex
from pathlib import Path
from typing import Any

import pytest
from data_files import Load, make_folder, write_image
from torchvision.datasets import ImageFolder

import nas.data
from nas.data import examine
from nas.data.layout import guess, images, of_classes
from nas.schema import ProblemError, Task

TWO = {"cat": 4, "dog": 4}


def problem(where: Path) -> str:
    with pytest.raises(ProblemError) as caught:
        nas.data.check(f"folder:{where}", Path("unused"))
    return str(caught.value)


class TestParts:
    @pytest.mark.parametrize(
        ("train", "val", "test"),
        [
            ("train", "val", "test"),
            ("train", "valid", "test"),
            ("Training", "Validation", "Testing"),
            ("TRAIN", "dev", "Test"),
            ("training", "eval", "testing"),
            ("train", "evaluation", "TEST"),
        ],
    )
    def test_common_names(
        self, tmp_path: Path, load_small: Load, train: str, val: str, test: str
    ) -> None:
        make_folder(tmp_path / train, {"cat": 5, "dog": 5})
        make_folder(tmp_path / val, {"cat": 2, "dog": 1})
        make_folder(tmp_path / test, {"cat": 3, "dog": 3})
        data = load_small(f"folder:{tmp_path}", image_size=8)
        assert data.class_names == ("cat", "dog")
        assert [len(split) for split in (data.train, data.val, data.test)] == [10, 3, 6]
        assert nas.data.num_classes(f"folder:{tmp_path}", tmp_path) == 2

    def test_training_and_testing_alone(self, tmp_path: Path, load_small: Load) -> None:
        make_folder(tmp_path / "Training", {"cat": 10, "dog": 10})
        make_folder(tmp_path / "Testing", TWO)
        data = load_small(f"folder:{tmp_path}", image_size=8)
        # 15 % of 10, rounded to 2, are for validation
        assert [len(split) for split in (data.train, data.val, data.test)] == [16, 4, 8]

    def test_what_is_beside_them_without_images_does_not_count(self, tmp_path: Path) -> None:
        make_folder(tmp_path / "train", TWO)
        (tmp_path / "annotations").mkdir()
        (tmp_path / "annotations" / "boxes.xml").write_text("<boxes/>")
        write_image(tmp_path / "banner.png", (1, 2, 3), (4, 4))
        write_image(tmp_path / "train" / "preview.png", (1, 2, 3), (4, 4))
        assert guess(tmp_path).parts == (tmp_path / "train",)


class TestQuestions:
    """Names that leave two readings open: both are said, with what settles it."""

    def test_two_folders_of_images_named_like_parts(self, tmp_path: Path, load_small: Load) -> None:
        make_folder(tmp_path, {"train": 8, "test": 8})
        messages = problem(tmp_path)
        assert "test and train may be splits of the data set" in messages
        assert f"--dataset {shlex.quote(f'classes:{tmp_path}')}" in messages
        data = load_small(f"classes:{tmp_path}", image_size=8)
        assert data.class_names == ("test", "train")
        assert nas.data.canonical(f"classes:{tmp_path}/../{tmp_path.name}").endswith(str(tmp_path))

    def test_a_class_that_is_named_like_a_part(self, tmp_path: Path) -> None:
        make_folder(tmp_path, {"bus": 3, "train": 3})
        assert "train may be splits of the data set" in problem(tmp_path)
        assert nas.data.num_classes(f"classes:{tmp_path}", tmp_path) == 2

    def test_unsorted_test_images(self, tmp_path: Path) -> None:
        make_folder(tmp_path / "train", TWO)
        write_image(tmp_path / "test" / "1.png", (1, 2, 3), (4, 4))
        messages = problem(tmp_path)
        assert "may be splits of the data set that lack class folders" in messages
        assert str(tmp_path / "test" / "CLASS") in messages

    def test_one_part_twice(self, tmp_path: Path) -> None:
        for name in ("train", "training"):
            make_folder(tmp_path / name, TWO)
        assert "train and training may both be the train split" in problem(tmp_path)

    def test_a_part_beside_classes(self, tmp_path: Path) -> None:
        make_folder(tmp_path, TWO)
        make_folder(tmp_path / "test", TWO)
        assert "test may be a split of a data set without a train split" in problem(tmp_path)

    def test_parts_beside_something_else(self, tmp_path: Path) -> None:
        make_folder(tmp_path / "train", TWO)
        make_folder(tmp_path / "extra", TWO)
        messages = problem(tmp_path)
        assert "train may be splits of the data set, but extra beside them cannot" in messages
        assert f"move {tmp_path / 'extra'} elsewhere" in messages

    @pytest.mark.parametrize(
        "names",
        [
            ("training_set", "test_set"),
            ("seg_train", "seg_test", "seg_pred"),
            ("train_images", "test_images"),
            ("train-set", "val-set"),
            ("train2017", "val2017"),
            ("Train Data", "Test Data"),
            ("pets.train", "pets.valid"),
            ("TrainImages", "TestImages"),
            ("trainset", "testset"),
            ("bullet_train", "bus"),
        ],
    )
    def test_names_that_hold_the_word_for_a_part(
        self, tmp_path: Path, names: tuple[str, ...]
    ) -> None:
        for name in names:
            make_folder(tmp_path / name, TWO)
        messages = problem(tmp_path)
        assert "may be splits of the data set, by their names, or classes" in messages
        assert f"--dataset {shlex.quote(f'classes:{tmp_path}')}" in messages
        assert nas.data.num_classes(f"classes:{tmp_path}", tmp_path) == len(names)

    @pytest.mark.parametrize("names", [("constrain", "contest"), ("device", "trains", "latest")])
    def test_words_that_only_contain_one_are_classes(
        self, tmp_path: Path, names: tuple[str, ...]
    ) -> None:
        make_folder(tmp_path, dict.fromkeys(names, 3))
        assert nas.data.num_classes(f"folder:{tmp_path}", tmp_path) == len(names)

    def test_folders_that_hold_the_same_folders(self, tmp_path: Path) -> None:
        for name in ("fold_a", "fold_b", "fold_c"):
            make_folder(tmp_path / name, TWO)
        assert "all contain folders of the same names (cat, dog)" in problem(tmp_path)
        assert nas.data.num_classes(f"classes:{tmp_path}", tmp_path) == 3
        make_folder(tmp_path / "fold_b", {"eel": 4})
        assert nas.data.num_classes(f"folder:{tmp_path}", tmp_path) == 3

    def test_one_folder_of_the_same_name_in_each_is_no_question(self, tmp_path: Path) -> None:
        for name in TWO:
            make_folder(tmp_path / name, {"images": 4})
        assert nas.data.num_classes(f"folder:{tmp_path}", tmp_path) == 2

    @pytest.mark.parametrize(
        "inside",
        [
            {"cat": ("test", "train"), "dog": ("train", "val")},
            {"cat": ("2017_train", "2017_valid"), "dog": ()},
        ],
    )
    def test_parts_inside_classes(self, tmp_path: Path, inside: dict[str, tuple[str, ...]]) -> None:
        """Their test images are not to be trained on."""
        for name, parts in inside.items():
            make_folder(tmp_path / name, dict.fromkeys(parts or (".",), 3))
        messages = problem(tmp_path)
        assert f"cat contains {' and '.join(inside['cat'])}, which may be splits" in messages
        assert f"name the splits train, val and test: {tmp_path / 'train' / 'CLASS'}" in messages
        assert nas.data.num_classes(f"classes:{tmp_path}", tmp_path) == 2

    def test_a_data_set_in_parts_beside_another_folder(self, tmp_path: Path) -> None:
        for part in ("train", "val"):
            make_folder(tmp_path / "pets" / part, TWO)
        make_folder(tmp_path / "doc", {"fig": 3})
        messages = problem(tmp_path)
        assert "pets contains train and val, which may be splits" in messages
        assert messages.endswith(f"if not, type --dataset {shlex.quote(f'folder:{tmp_path}/pets')}")

    def test_one_folder_named_like_a_part_is_a_class_s_own(self, tmp_path: Path) -> None:
        make_folder(tmp_path / "vehicles", {"bus": 3, "train": 3})
        make_folder(tmp_path, TWO)
        assert nas.data.num_classes(f"folder:{tmp_path}", tmp_path) == 3

    def test_a_folder_too_high(self, tmp_path: Path) -> None:
        make_folder(tmp_path / "my pets", TWO)
        messages = problem(tmp_path)
        assert "1 found" in messages
        assert f"--dataset {shlex.quote(f'folder:{tmp_path}/my pets')}" in messages


class TestFound:
    """What a folder holds and how it is divided is one line."""

    def line(self, dataset: str, **task: Any) -> str:
        return examine(Task(dataset=dataset, **task), Path("unused")).notes[0]

    def test_what_was_divided(self, tmp_path: Path) -> None:
        where = make_folder(tmp_path / "photos", {"cat": 40, "dog": 40, "emu": 40})
        for kind in ("folder", "classes"):
            assert self.line(f"{kind}:{where}") == (
                "photos: 120 images in 3 classes: 84 train, 18 validation, 18 test."
                " One validation image is 5.6 points of accuracy."
            )
        assert self.line(f"folder:{where}", hold_out=0.2) == (
            "photos: 120 images in 3 classes: 84 train, 18 validation, 18 test."
            " Held out from a bank's experts: 18 of train."
            " One validation image is 5.6 points of accuracy."
        )

    @pytest.mark.parametrize(
        ("each", "messages"),
        [
            (5, " One validation image is 10 points of accuracy."),
            (50, " One validation image is 1 point of accuracy."),
            (100, ""),
        ],
    )
    def test_what_was_given(
        self, each: int, messages: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for part, count in (("train", 4), ("valid", each), ("test", 3)):
            make_folder(tmp_path / "pets" / part, {"cat": count, "dog": count})
        monkeypatch.chdir(tmp_path / "pets")
        assert self.line("folder:.") == (
            f"pets: {2 * each + 14} images in 2 classes: 8 train, {2 * each} validation,"
            f" 6 test.{messages}"
        )


class TestMessages:
    """What may be unintended about a folder, and is pointed out."""

    def notes(self, dataset: str) -> str:
        return " ".join(examine(Task(dataset=dataset), Path("unused")).notes[1:])

    def test_images_in_no_class(self, tmp_path: Path) -> None:
        make_folder(tmp_path, {"cat": 9, "dog": 9})
        assert self.notes(f"folder:{tmp_path}") == ""
        for name in ("x.png", "y.png", ".hidden.png"):
            write_image(tmp_path / name, (1, 2, 3), (4, 4))
        for kind in ("folder", "classes"):
            messages = f"2 images lie outside the class folders, unused: {tmp_path / 'x.png'}."
            assert self.notes(f"{kind}:{tmp_path}") == messages

    def test_images_beside_parts(self, tmp_path: Path) -> None:
        make_folder(tmp_path / "train", {"cat": 9, "dog": 9})
        write_image(tmp_path / "train" / "x.png", (1, 2, 3), (4, 4))
        assert "1 image lies outside the class folders" in self.notes(f"folder:{tmp_path}")
        write_image(tmp_path / "y.png", (1, 2, 3), (4, 4))
        assert "2 images lie outside the class folders" in self.notes(f"folder:{tmp_path}")

    def test_a_part_that_lacks_a_class(self, tmp_path: Path) -> None:
        for part, names in (("train", "abcd"), ("val", "bc"), ("test", "a")):
            make_folder(tmp_path / part, dict.fromkeys(names, 5))
        (tmp_path / "val" / "a").mkdir()
        messages = (
            "The validation split has no image of a, d. The test split has no image of b, c, d."
        )
        assert self.notes(f"folder:{tmp_path}").startswith(messages)

    def test_validation_images_of_one_class_are_refused(self, tmp_path: Path) -> None:
        make_folder(tmp_path / "train", TWO)
        make_folder(tmp_path / "val", {"dog": 5})
        (tmp_path / "val" / "cat").mkdir()
        assert "all validation images are of one class, dog" in problem(tmp_path)


class TestFiles:
    def test_what_systems_leave_behind_is_no_image(self, tmp_path: Path, load_small: Load) -> None:
        make_folder(tmp_path, {"cat": 9, "dog": 9})
        kept = sorted(images(tmp_path))
        for name in (
            *(".DS_Store", "cat/.DS_Store", "cat/._00.png", "cat/Thumbs.db", "dog/.hidden.jpg"),
            *("__MACOSX/cat/._00.png", "__MACOSX/x.png", ".ipynb_checkpoints/00.png"),
            *("dog/.ipynb_checkpoints/00-checkpoint.png", "cat/@eaDir/00.png/thumb.jpg"),
        ):
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"none of yours")
        assert sorted(images(tmp_path)) == kept
        assert load_small(f"folder:{tmp_path}", image_size=8).class_names == ("cat", "dog")

    def test_a_directory_named_like_an_image(self, tmp_path: Path) -> None:
        make_folder(tmp_path, TWO)
        count = sum(1 for _ in images(tmp_path))
        (tmp_path / "cat" / "more.jpg").mkdir()
        assert sum(1 for _ in images(tmp_path)) == count
        write_image(tmp_path / "cat" / "more.jpg" / "1.png", (1, 2, 3), (4, 4))
        assert sum(1 for _ in images(tmp_path)) == count + 1

    def test_links_to_folders_are_followed_as_torchvision_does(self, tmp_path: Path) -> None:
        store, pets = tmp_path / "store", tmp_path / "pets"
        make_folder(store, {"x": 4, "y": 3})
        make_folder(pets, TWO)
        (pets / "eel").symlink_to(store / "x")
        (pets / "dog" / "batch").symlink_to(store / "y")
        assert nas.data.num_classes(f"folder:{pets}", tmp_path) == 3
        names = [name for name, _ in ImageFolder(pets).samples]
        assert sorted(images(pets)) == sorted(map(Path, names))
        assert len(names) == 4 + 4 + 4 + 3

    def test_links_that_go_round_end(self, tmp_path: Path) -> None:
        make_folder(tmp_path, TWO)
        (tmp_path / "cat" / "up").symlink_to(tmp_path)
        (tmp_path / "cat" / "here").symlink_to(".")
        (tmp_path / "cat" / "self").symlink_to("self")
        (tmp_path / "round").symlink_to("round")
        (tmp_path / "cat" / "once").symlink_to(tmp_path / "cat")
        assert len(list(images(tmp_path / "cat"))) == 4
        assert nas.data.num_classes(f"folder:{tmp_path}", tmp_path) == 2

    @pytest.mark.parametrize("closed", ["cat/deep", "cat", "."])
    def test_a_folder_that_cannot_be_read_is_reported(
        self, tmp_path: Path, closed: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        make_folder(tmp_path, TWO)
        make_folder(tmp_path / "cat", {"deep": 2})
        scan = os.scandir

        def guarded(where: str | Path) -> object:  # permissions do not bind root
            if Path(where) == tmp_path / closed:
                raise PermissionError(errno.EACCES, "Permission denied", str(where))
            return scan(where)

        monkeypatch.setattr(os, "scandir", guarded)
        with pytest.raises(ProblemError, match=r"cannot be read \(Permission denied") as caught:
            nas.data.memory_bytes(f"folder:{tmp_path}", tmp_path, image_size=8, channels=1)
        assert caught.value.problem.where == str(tmp_path / closed)

    def test_a_class_of_other_files_alone(self, tmp_path: Path) -> None:
        make_folder(tmp_path, TWO)
        (tmp_path / "eel").mkdir()
        (tmp_path / "eel" / "1.heic").touch()
        messages = problem(tmp_path)
        assert "eel: this class has no images" in messages
        assert ".webp" in messages

    def test_every_folder_is_a_class_where_queried(self, tmp_path: Path) -> None:
        make_folder(tmp_path / "train", TWO)
        make_folder(tmp_path / "val", TWO)
        assert of_classes(tmp_path).parts == (tmp_path,)
        assert nas.data.num_classes(f"classes:{tmp_path}", tmp_path) == 2

    def test_a_prefix_without_a_path(self) -> None:
        with pytest.raises(ProblemError, match="classes: names no path — write classes:PATH"):
            nas.data.check("classes:", Path("unused"))
