"""No name leads out of a folder."""

from pathlib import Path

import pytest

from nas.contained import contained
from nas.schema import ProblemError


def test_plain_names_lead_below_a_folder_whether_or_not_they_are_there(tmp_path: Path) -> None:
    assert contained(tmp_path, 1, "3fa9c1d2", 7) == tmp_path / "1" / "3fa9c1d2" / "7"
    assert contained(tmp_path, "weights.safetensors").name == "weights.safetensors"


@pytest.mark.parametrize(
    "name",
    ["", ".", "..", "a/b", "../a", "/etc/passwd", "a\0b", "a\nb", ".hidden", "~", "é", "x" * 256],
)
def test_what_is_more_than_a_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProblemError, match="not a valid name for a file"):
        contained(tmp_path, 1, name, 2)


@pytest.mark.parametrize("broken", ["..", "/", "1", "nowhere", "2"])
def test_links_below_are_refused_wherever_they_lead(tmp_path: Path, broken: str) -> None:
    root = tmp_path / "root"
    (root / "2").mkdir(parents=True)
    (root / "1").symlink_to(broken)  # "1" leads to itself
    for names in (("1",), ("1", "a")):
        with pytest.raises(ProblemError, match="link leads out"):
            contained(root, *names)


def test_the_folder_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "large disk").mkdir()
    root = tmp_path / "root"
    root.symlink_to("large disk")
    assert contained(root, "1") == root / "1"
