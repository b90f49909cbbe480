"""A ledger lies where its name says, whatever characters that has."""

import os
from pathlib import Path

import pytest
from ledger_maker import Maker

from nas.ledger import Ledger
from nas.ledger.address import database_url, display_url, file_of
from nas.schema import ProblemError, UsageError

NAMES = [
    "lr=0.1?/runs.db",
    "my%20runs/runs.db",
    "a#b&c=d/e f.db",
    "ä 实验/'quoted\".db",
    "file:runs.db",
    ":memory:",
    "a/postgresql:/x.db",
    "100%/%/{x}.db",
    "~/runs.db",
    os.fsdecode(b"caf\xe9.db"),
]


@pytest.mark.parametrize("name", NAMES)
def test_a_path_is_taken_as_it_stands(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    ledger = Ledger(name, read_only=False)
    assert ledger.place == str(path)
    ledger.close()
    assert {p for p in tmp_path.rglob("*") if p.is_file()} == {path}
    again = Ledger(str(path))
    assert again.campaign_names() == []
    assert Ledger(again.url).place == str(path)


@pytest.mark.parametrize("name", NAMES[:2])
def test_where_nobody_may_write_the_same_file_is_read(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Maker(path).ledger.close()
    monkeypatch.setattr("nas.ledger.engine._unchanging", lambda path: True)
    assert len(Ledger(path).campaign_names()) == 1


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:////tmp/runs.db", "/tmp/runs.db"),
        ("sqlite:////tmp/my%20runs.db", "/tmp/my runs.db"),
        ("sqlite+pysqlite:////tmp/runs.db", "/tmp/runs.db"),
    ],
)
def test_a_url_of_a_file(url: str, path: str) -> None:
    assert file_of(database_url(url)) == Path(path)


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("postgresql://ann:se@cret@host:port/db", "neither a path nor a database URL"),
        ("postgresql://ann:secret@host:/db", "neither"),
        ("postgresql://ann:secret@[::1/db", "neither"),
        ("postgresql://ann:secret@host:99999/db", "no port 99999"),
        ("postgresql://ann:secret@host:-1/db", "no port -1"),
        ("postgres://ann:se:c@ret@host/db", "postgres is not supported"),
        ("mysql://ann:secret@host/db", "mysql is not supported"),
        ("sqlite://", "not name a file"),
        ("sqlite:///lr=0.1?/runs.db", "does not name a file"),
        ("/dev/zero", "a ledger must be a regular file"),
        (".", "a ledger must be a regular file"),
    ],
)
def test_what_names_no_ledger(where: str, words: str) -> None:
    with pytest.raises(UsageError, match=words) as caught:
        Ledger(where, read_only=False)
    assert "cret" not in str(caught.value)


def test_a_password_is_not_reported() -> None:
    assert (
        display_url(database_url("postgresql://ann:secret@host/db"))
        == "postgresql://ann:***@host/db"
    )


def test_opened_to_go_on_with_it_makes_no_ledger(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="no ledger here"):
        Ledger(tmp_path / "runs.db", read_only=False, create=False)
    assert list(tmp_path.iterdir()) == []
