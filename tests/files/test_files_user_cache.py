"""The user's cache: what is kept is found again, what is damaged or foreign is not."""

from pathlib import Path

import pytest

from nas.user_cache import cache_folder, keep, recall


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "nas"


def the_file(folder: Path) -> Path:
    [path] = [path for path in folder.rglob("*") if path.is_file()]
    return path


def test_a_value_is_found_under_its_kind_and_key_alone(folder: Path) -> None:
    keep("sizes", ["a", 1], {"params": 7})
    assert recall("sizes", ["a", 1]) == {"params": 7}
    for kind, key in (("sizes", ["a", 2]), ("sizes", ["a", 1.0]), ("other", ["a", 1])):
        assert recall(kind, key) is None
    keep("sizes", ["a", 1], 8)
    assert recall("sizes", ["a", 1]) == 8
    assert the_file(folder).parent == folder / "sizes"  # and nothing else is left there


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"\xff\xfe", b"[]", b'{"key": ["b"], "value": 1}', b"[" * 100_000],
    ids=["empty", "half", "no text", "another shape", "another key", "too deep"],
)
def test_what_is_damaged_counts_as_absent_and_is_replaced(folder: Path, content: bytes) -> None:
    keep("sizes", ["a"], 7)
    the_file(folder).write_bytes(content)
    assert recall("sizes", ["a"]) is None
    keep("sizes", ["a"], 8)
    assert recall("sizes", ["a"]) == 8


def test_a_folder_that_cannot_be_written_is_no_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.write_text("a file where the folder would be")
    keep("sizes", ["a"], 7)
    assert recall("sizes", ["a"]) is None
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(folder.parent / "home"))
    assert cache_folder() == folder.parent / "home" / ".cache" / "nas"
