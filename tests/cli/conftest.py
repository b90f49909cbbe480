import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from ledger_filled import fill
from real_nas import inside

from nas.ledger import Ledger

Messages = Callable[[list[str]], tuple[int, str]]


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A ledger with a row in every table, as one file."""
    path = tmp_path_factory.mktemp("whole") / "runs.db"
    fill(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
    assert Ledger(path).check() == []
    return path.read_bytes()


@pytest.fixture
def messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Messages:
    """Exit code and output of a command."""
    monkeypatch.chdir(tmp_path)

    def run(arguments: list[str]) -> tuple[int, str]:
        done = inside(*arguments, cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr

    return run
