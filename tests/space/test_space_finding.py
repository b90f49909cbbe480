"""From a name or a path to a file."""

import os
from pathlib import Path

import pytest

from nas import space
from nas.resources import shipped
from nas.schema import ProblemError

OWN = "description: mine\nchoices: {depth: [1, 2]}\n"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(name: str) -> str:
    with pytest.raises(ProblemError) as caught:
        space.load(name)
    return str(caught.value)


def test_an_own_space_is_found_before_the_shipped(here: Path) -> None:
    (here / "search_spaces").mkdir()
    own = here / "search_spaces" / "tiny.yaml"
    own.write_text(OWN)
    assert space.available()["tiny"] == own
    assert space.load("tiny").description == "mine"
    assert "moe4" in space.available()


def test_a_path_gives_the_space_its_name(here: Path) -> None:
    (here / "deep.yaml").write_text(OWN)
    assert space.load("deep.yaml").name == "deep"


@pytest.mark.parametrize("typed", ["tny", "tyni", "tinny"])
def test_an_unknown_name_gets_the_nearest(typed: str, here: Path) -> None:
    assert refusal(typed) == f"no search space named {typed!r} — did you mean tiny?"


def test_a_name_that_is_near_none_gets_all_there_are(here: Path) -> None:
    every = ", ".join(sorted(path.stem for path in shipped("search_spaces").glob("*.yaml")))
    assert refusal("nope") == f"no search space named 'nope' — choose from {every}"


def test_a_file_here_is_found_by_its_name(here: Path) -> None:
    (here / "five.yaml").write_text(OWN)
    assert space.load("five").name == "five"


def test_what_cannot_be_read_says_why(here: Path) -> None:
    (here / "latin.yaml").write_bytes(b"description: caf\xe9\n")
    (here / "folder.yaml").mkdir()
    (here / "big.yaml").write_text("#" * 200_001)
    fix = " — give a space's name or the path of its .yaml file"
    assert refusal("no.yaml") == f"no.yaml: cannot be read: no such file or directory{fix}"
    assert refusal("folder.yaml") == "folder.yaml: this is not a regular file — name a text file"
    os.mkfifo(here / "pipe.yaml")
    (here / "zero.yaml").symlink_to("/dev/zero")
    assert "not a regular file" in refusal("pipe.yaml")
    assert "not a regular file" in refusal("zero.yaml")
    assert refusal("latin.yaml") == ("latin.yaml: is not UTF-8 text (byte 16) — save it as UTF-8")
    assert refusal("big.yaml").startswith("big.yaml: is larger than 200 kB")


def test_an_error_names_the_file(here: Path) -> None:
    (here / "wrong.yaml").write_text(f"{OWN}recipe:\n  epochs: 0\n")
    assert refusal("./wrong.yaml").startswith("wrong.yaml:4: recipe.epochs should be greater")
