"""What can be wrong with a ledger: one clear line each, and nothing recorded is lost."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import ledger_maker
import pytest
from ledger_maker import Maker
from sqlalchemy import event

from nas.ledger import Ledger
from nas.schema import ProblemError, SearchConfig


def rows(path: Path) -> list[tuple[str, str | None]]:
    """What a ledger holds, read without nas."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT key, outcome FROM candidates ORDER BY id").fetchall()


@pytest.fixture
def maker(tmp_path: Path) -> Iterator[Maker]:
    made = Maker(tmp_path / "runs.db")
    made.trained("ant_s", "bee_s", val=0.9)
    made.draw("cat_s", "dog_s")
    yield made
    made.ledger.close()


@pytest.mark.parametrize("read_only", [True, False])
def test_a_file_that_is_no_database(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "runs.db"
    content = b"epoch,accuracy\n1,0.5\n" * 100
    path.write_bytes(content)
    with pytest.raises(ProblemError) as caught:
        Ledger(path, read_only=read_only)
    problem = caught.value.problem
    assert problem.what == "this file is not a database"
    assert problem.where == str(path)
    assert "--db" in problem.fix
    assert path.read_bytes() == content


@pytest.mark.parametrize("read_only", [True, False])
def test_another_program_s_database(tmp_path: Path, read_only: bool) -> None:
    path = tmp_path / "runs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE songs (title TEXT)")
    with pytest.raises(ProblemError, match="not a ledger"):
        Ledger(path, read_only=read_only)
    with closing(sqlite3.connect(path)) as connection:
        tables = connection.execute("SELECT name FROM sqlite_master").fetchall()
    assert tables == [("songs",)]


@pytest.mark.parametrize("read_only", [True, False])
def test_a_newer_version(maker: Maker, read_only: bool) -> None:
    maker.ledger.close()
    with closing(sqlite3.connect(maker.path)) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    before = rows(maker.path)
    with pytest.raises(ProblemError, match="written by a newer nas") as caught:
        Ledger(maker.path, read_only=read_only)
    assert "schema 9999" in caught.value.problem.what
    assert "upgrade nas" in caught.value.problem.fix
    assert rows(maker.path) == before


def test_no_ledger_to_read(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="no ledger here") as caught:
        Ledger(tmp_path / "runs.db")
    assert "nas search" in caught.value.problem.fix
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ProblemError, match="no such folder"):
        Ledger(tmp_path / "nowhere" / "runs.db", read_only=False)


def test_an_empty_ledger_to_read(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    path.touch()
    with pytest.raises(ProblemError, match="this ledger is empty"):
        Ledger(path)


def test_a_url_that_means_nothing() -> None:
    with pytest.raises(ProblemError, match="nosuch is not supported"):
        Ledger("nosuch://///?")


def test_another_kind_of_database() -> None:
    with pytest.raises(
        ProblemError, match="SQLite or PostgreSQL database; mysql is not supported"
    ) as caught:
        Ledger("mysql://user:secret@host/database")
    assert "--db" in caught.value.problem.fix
    assert "secret" not in str(caught.value)


@contextmanager
def locked(path: Path) -> Iterator[Callable[[], None]]:
    """Another program's lock; call what it gives to end it early."""
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield lambda: other.rollback()
        other.rollback()


def test_a_locked_ledger(maker: Maker) -> None:
    before = rows(maker.path)
    with (
        locked(maker.path),
        pytest.raises(ProblemError, match="another program keeps the ledger locked") as caught,
    ):
        Ledger(maker.path, read_only=False, timeout=0.2)
    assert "close it" in caught.value.problem.fix
    assert rows(maker.path) == before


def test_locked_while_a_campaign_runs(maker: Maker) -> None:
    writer = Ledger(maker.path, read_only=False, timeout=0.2)
    before = rows(maker.path)
    with locked(maker.path), pytest.raises(ProblemError, match="locked"):
        writer.create_campaign("second", maker.space, SearchConfig())
    assert rows(maker.path) == before
    writer.create_campaign("second", maker.space, SearchConfig())
    assert writer.campaign_names() == ["first", "second"]


def test_a_campaign_waits_as_long_as_its_patience_lasts(maker: Maker) -> None:
    ledger = Ledger(maker.path, read_only=False)
    waited: list[float] = []

    with locked(maker.path) as unlock:

        def patience(seconds: float) -> bool:
            waited.append(seconds)
            if len(waited) == 2:
                unlock()
            return True

        ledger.patience = patience
        ledger.create_campaign("second", maker.space, SearchConfig())
    assert len(waited) == 2
    assert 0 < waited[0] < waited[1]
    assert ledger.campaign_names() == ["first", "second"]


def test_a_reader_is_not_held_up_by_a_writer(maker: Maker) -> None:
    with locked(maker.path):
        assert len(Ledger(maker.path, timeout=0.2).candidates()) == 2


def test_a_reader_cannot_write(maker: Maker) -> None:
    reader = Ledger(maker.path)
    with pytest.raises(ProblemError, match="the ledger cannot be written"):
        reader.create_campaign("second", maker.space, SearchConfig())
    assert reader.campaign_names() == ["first"]


def test_a_ledger_that_may_not_be_written(maker: Maker) -> None:
    # As root every file may be written, so SQLite itself is told to refuse: the driver raises
    # the same SQLITE_READONLY that a read-only file system gives.
    ledger = Ledger(maker.path, read_only=False)
    event.listen(ledger._engine, "begin", lambda c: c.exec_driver_sql("PRAGMA query_only = ON"))
    before = rows(maker.path)
    with pytest.raises(ProblemError, match="the ledger cannot be written") as caught:
        ledger.create_campaign("second", maker.space, SearchConfig())
    assert "permissions" in caught.value.problem.fix
    assert rows(maker.path) == before


AS_SOMEBODY_ELSE = """
import os, sys
from ledger_maker import Maker
from pathlib import Path
from nas.ledger import Ledger
from nas.schema import ProblemError

folder = Path(sys.argv[1])
maker = Maker(folder / "runs.db")
maker.trained("ant_s", "bee_s", val=0.9)
maker.ledger.close()
maker.path.chmod(0o444)
folder.chmod(0o555)
if os.geteuid() == 0:  # root may write anything
    os.setuid(65534)
print(len(Ledger(maker.path).campaign_names()), sorted(p.name for p in folder.iterdir()))
try:
    Ledger(maker.path, read_only=False)
except ProblemError as error:
    print(error)
"""


def test_somebody_else_s_ledger_can_be_read_but_not_written() -> None:
    with tempfile.TemporaryDirectory() as folder:  # not tmp_path: others may not enter that
        Path(folder).chmod(0o755)
        here = str(Path(ledger_maker.__file__).parent)
        messages = subprocess.run(
            [sys.executable, "-c", AS_SOMEBODY_ELSE, folder],
            env={**os.environ, "PYTHONPATH": here},
            capture_output=True,
            text=True,
            check=False,
        )
        Path(folder).chmod(0o755)
    assert messages.stdout.splitlines() == [
        "1 ['runs.db', 'runs.files']",
        f"{folder}/runs.db: the ledger cannot be written — "
        "check the permissions of the file and of its folder",
    ], messages.stderr


def test_a_full_disk(maker: Maker) -> None:
    # A limit on the file's pages gives SQLite's own SQLITE_FULL, as a full disk does.
    def limit(connection: sqlite3.Connection, _: object) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    ledger = Ledger(maker.path, read_only=False)
    event.listen(ledger._engine, "connect", limit)
    ledger.close()  # the next connection is under the limit
    before = rows(maker.path)
    made: list[int] = []

    def fill() -> None:
        for number in range(1000):
            made.append(
                ledger.create_campaign(f"c{number}", maker.space, SearchConfig(dataset="x" * 4000))
            )

    with pytest.raises(ProblemError, match="the disk is full") as caught:
        fill()
    assert "nothing recorded is lost" in caught.value.problem.fix
    assert rows(maker.path) == before
    ledger.close()
    again = Ledger(maker.path, read_only=False)  # there is room again
    assert len(again.campaign_names()) == 1 + len(made)
    again.create_campaign("after", maker.space, SearchConfig())
    assert again.campaign_names()[-1] == "after"


@pytest.mark.parametrize("replaced", [False, True])
def test_a_ledger_that_is_taken_away_is_not_written_to(maker: Maker, replaced: bool) -> None:
    """SQLite would not mind: the file lives on without a name, and every result with it is lost."""
    path = Path(maker.ledger.place)
    path.unlink()
    shutil.rmtree(maker.ledger.files)  # or the new one is refused for another's files
    if replaced:
        Ledger(path, read_only=False).close()
    with pytest.raises(ProblemError, match="removed or replaced while in use"):
        maker.trained("bee_s", "dog_s", val=0.5)


def test_a_ledger_stays_itself_when_its_reader_goes_elsewhere(
    maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ledger = Ledger("runs.db")
    monkeypatch.chdir("/")
    assert len(ledger.candidates()) == 2


def test_an_unknown_campaign(maker: Maker) -> None:
    with pytest.raises(ProblemError, match="no campaign is named 'frist'") as caught:
        maker.ledger.attempts("frist")
    assert caught.value.problem.fix == "did you mean first?"


def test_a_name_that_is_taken(maker: Maker) -> None:
    with pytest.raises(ProblemError, match="this ledger already has a campaign"):
        maker.ledger.create_campaign("first", maker.space, SearchConfig())
