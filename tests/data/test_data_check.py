"""What is refused before an image is read, what is listed, and downloads."""

import shlex
from pathlib import Path
from types import SimpleNamespace
from urllib.error import URLError

import pytest
from data_files import Load, SmallCifar, make_folder, write_image
from loaded_modules import loaded_by

import nas.data
from nas.data.catalog import find
from nas.schema import ProblemError


class TestCheck:
    def test_an_unknown_name_gets_the_nearest_right_one(self, tmp_path: Path) -> None:
        with pytest.raises(ProblemError, match="'cifar-10' — did you mean cifar10"):
            nas.data.check("cifar-10", tmp_path)
        with pytest.raises(ProblemError, match="no data set is called"):
            nas.data.check("folder:PATH".replace(":", ""), tmp_path)

    @pytest.mark.parametrize("name", ["photos", "../work/Meine Föto", "it's/", "~/photos"])
    def test_a_folder_without_its_prefix_gets_it(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        here = tmp_path / "here"
        here.mkdir()
        monkeypatch.chdir(here)
        monkeypatch.setenv("HOME", str(tmp_path / "home"))
        with pytest.raises(ProblemError, match=r"choose from|did you mean"):
            nas.data.check(name, here)
        where = make_folder(Path(name).expanduser(), {"cat": 9, "dog": 9})
        with pytest.raises(ProblemError, match="no data set is called") as caught:
            nas.data.check(name, here)
        [option, typed] = shlex.split(caught.value.problem.fix.partition(" type ")[2])
        assert option == "--dataset"
        assert nas.data.canonical(typed) == f"folder:{where.resolve()}"
        nas.data.check(typed, here)

    @pytest.mark.parametrize("name", ["cifar10", "cifar100", "tiny-imagenet"])
    def test_a_missing_set_says_what_to_type(self, name: str, tmp_path: Path) -> None:
        with pytest.raises(ProblemError, match=f"type: nas data get {name}"):
            nas.data.check(name, tmp_path)

    @pytest.mark.parametrize(
        ("name", "classes"), [("cifar10", 10), ("cifar100", 100), ("tiny-imagenet", 200)]
    )
    def test_a_missing_set_has_the_published_classes(
        self, name: str, classes: int, tmp_path: Path
    ) -> None:
        assert nas.data.num_classes(name, tmp_path) == classes

    def test_folders_that_cannot_be_a_data_set(self, tmp_path: Path) -> None:
        def problem() -> str:
            with pytest.raises(ProblemError) as caught:
                nas.data.check(f"folder:{tmp_path / 'pets'}", Path("unused"))
            return str(caught.value)

        assert "no such folder" in problem()
        (tmp_path / "pets").mkdir()
        assert "at least 2 class folders; 0 found" in problem()
        make_folder(tmp_path / "pets", {"cat": 3})
        assert "at least 2 class folders; 1 found" in problem()
        (tmp_path / "pets" / "dog").mkdir()
        assert f"{tmp_path / 'pets' / 'dog'}: this class has no images" in problem()
        write_image(tmp_path / "pets" / "dog" / "1.png", (1, 1, 1), (4, 4))
        nas.data.check(f"folder:{tmp_path / 'pets'}", Path("unused"))

    def test_a_validation_class_without_training_images(self, tmp_path: Path) -> None:
        make_folder(tmp_path / "train", {"cat": 3, "dog": 3})
        make_folder(tmp_path / "val", {"cat": 1, "cow": 1})
        with pytest.raises(ProblemError, match="val/cow: this class has no training images"):
            nas.data.check(f"folder:{tmp_path}", Path("unused"))

    def test_a_class_too_small_to_divide(self, tmp_path: Path, load_small: Load) -> None:
        make_folder(tmp_path, {"cat": 9, "dog": 2})
        with pytest.raises(ProblemError, match="class dog has 2 training images"):
            load_small(f"folder:{tmp_path}")

    @pytest.mark.parametrize("name", ["digits", "inverted-digits", "noisy-digits"])
    @pytest.mark.parametrize(
        "package", [None, SimpleNamespace(submodule_search_locations=["gone"])]
    )
    def test_digits_without_a_whole_scikit_learn(
        self,
        name: str,
        package: SimpleNamespace | None,
        load_small: Load,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr("nas.data.sources.digits.find_spec", lambda name: package)
        with pytest.raises(ProblemError, match=f"{name} is read from scikit-learn, which is not"):
            nas.data.check(name, Path("unused"))
        with pytest.raises(ProblemError, match="install --force-reinstall scikit-learn"):
            load_small(name)

    def test_channels_other_than_1_and_3(self, load_small: Load) -> None:
        with pytest.raises(ProblemError, match="1 or 3 channels, not 4"):
            load_small("digits", channels=4)

    def test_a_relative_folder_becomes_absolute(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        assert nas.data.canonical("folder:pets") == f"folder:{tmp_path / 'pets'}"
        assert nas.data.canonical("digits") == "digits"

    def test_every_described_set_is_found(self, tmp_path: Path) -> None:
        names = [entry.typed for entry in nas.data.describe()]
        assert names == [
            "cifar10",
            "cifar100",
            "clusters",
            "digits",
            "inverted-digits",
            "noisy-digits",
            "synthetic",
            "tiny-imagenet",
            "classes:PATH",
            "folder:PATH",
        ]
        assert all(entry.about and entry.how for entry in nas.data.describe())

    def test_what_is_reported_of_a_set_is_so(self, tiny_imagenet: Path) -> None:
        for entry in nas.data.describe():
            if entry.takes_path:
                continue
            source, _ = find(entry.typed, tiny_imagenet)
            if entry.name != "tiny-imagenet":  # of which a part lies here
                assert source.num_images(tiny_imagenet) == entry.images
            assert (source.listed(tiny_imagenet) is not None) == entry.images_are_files
            assert not entry.pixels or entry.pixels.endswith("255.")
        assert nas.data.described("classes:/pets").images_are_files

    def test_checking_imports_no_torch(self, tmp_path: Path) -> None:
        make_folder(tmp_path, {"cat": 3, "dog": 3})
        code = (
            "import pathlib, nas.data\n"
            f"for name in ('digits', 'synthetic', {f'folder:{tmp_path}'!r}):\n"
            "    nas.data.check(name, pathlib.Path('.'))\n"
            "    nas.data.num_classes(name, pathlib.Path('.'))\n"
        )
        assert not loaded_by(code) & {"torch", "sklearn"}


class TestDownload:
    def test_a_set_that_needs_none(self, tmp_path: Path) -> None:
        with pytest.raises(ProblemError, match="digits needs no download"):
            nas.data.download("digits", tmp_path)

    @pytest.mark.parametrize("name", ["cifar10", "cifar100", "tiny-imagenet"])
    def test_a_failed_one_says_so(
        self, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unreachable(*_: object, **__: object) -> None:
            raise URLError("no route to host")

        monkeypatch.setattr("urllib.request.urlopen", unreachable)
        with pytest.raises(ProblemError, match=r"download of .* failed: .*no route to host"):
            nas.data.download(name, tmp_path)

    def test_a_set_that_is_there_is_left_alone(
        self,
        small_cifar: tuple[str, SmallCifar],
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        name, files = small_cifar
        files.accept(monkeypatch)
        before = sorted(path.name for path in tmp_path.rglob("*"))
        nas.data.download(name, tmp_path)
        assert sorted(path.name for path in tmp_path.rglob("*")) == before
