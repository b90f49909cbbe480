"""SQLite's files: the log is folded in, its loss is noticed, and a backup has everything."""

import gc
import os
import resource
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

import pytest
from ledger_filled import fill
from ledger_maker import Maker
from ledger_workers import SPACE

from nas.ledger import Ledger
from nas.ledger.backup import backup
from nas.schema import Outcome, ProblemError, SearchConfig, Status, UsageError


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "runs.db")


def alone(path: Path, tmp_path: Path) -> list[tuple[str]]:
    """The outcomes that the file by itself has, as somebody sees it who copies no more than it."""
    copy = tmp_path / "alone.db"
    shutil.copyfile(path, copy)
    with closing(sqlite3.connect(copy)) as connection:
        return connection.execute("SELECT outcome FROM candidates ORDER BY id").fetchall()


def log(path: Path, ending: str = "-wal") -> Path:
    return path.with_name(f"{path.name}{ending}")


def test_a_closed_ledger_is_one_file(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "runs.db")
    maker.trained("ant_s", "bee_s", val=0.5)
    assert log(maker.path).stat().st_size > 0  # type: ignore[arg-type]
    maker.ledger.close()
    assert [path.name for path in tmp_path.glob("runs.db*")] == ["runs.db"]
    assert alone(tmp_path / "runs.db", tmp_path) == [("ok",)]


def test_so_is_one_that_nobody_closed(tmp_path: Path) -> None:
    Maker(tmp_path / "runs.db").trained("ant_s", "bee_s", val=0.5)
    gc.collect()
    assert [path.name for path in tmp_path.glob("runs.db*")] == ["runs.db"]
    assert alone(tmp_path / "runs.db", tmp_path) == [("ok",)]


def test_folding_in_waits_for_no_reader(maker: Maker, tmp_path: Path) -> None:
    maker.trained("ant_s", "bee_s", val=0.5)
    with Ledger(maker.path).session():
        maker.ledger.storage.fold_in()
    assert alone(tmp_path / "runs.db", tmp_path) == [("ok",)]


def test_closing_makes_no_file_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "runs.db", read_only=False)
    ledger.close()
    (tmp_path / "runs.db").unlink()
    ledger.close()
    assert list(tmp_path.glob("runs.db*")) == []


def removed(path: Path) -> None:
    log(path).unlink()


def replaced(path: Path) -> None:
    other = path.with_name("other")
    other.write_bytes(log(path).read_bytes())
    other.replace(log(path))


def index_removed(path: Path) -> None:
    log(path, "-shm").unlink()


def all_removed(path: Path) -> None:
    for file in path.parent.glob("runs.db*"):
        if file.is_file():
            file.unlink()


def moved(path: Path) -> None:
    path.rename(path.with_name("moved.db"))


def another(path: Path) -> None:
    fill(path.with_name("other.db"))
    path.with_name("other.db").replace(path)


@pytest.mark.parametrize("spoil", [removed, replaced, index_removed, all_removed, moved, another])
@pytest.mark.parametrize("first", [0, 1, 3])
def test_files_that_vanish_are_noticed_and_nothing_is_done_with_what_is_there(
    first: int, spoil: Callable[[Path], None], tmp_path: Path
) -> None:
    maker = Maker(tmp_path / "runs.db")
    ledger = maker.ledger
    maker.trained("ant_s", "bee_s", val=0.5)
    ledger.storage.fold_in()
    spoil(tmp_path / "runs.db")

    def there() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in tmp_path.glob("*.db*") if path.is_file()}

    before = there()
    uses: list[Callable[[], object]] = [
        lambda: maker.draw("cat_s", "dog_s"),
        ledger.storage.fold_in,
        lambda: backup(ledger, tmp_path / "copy"),
        ledger.check,
    ]
    for use in (*uses[first:], *uses, *uses):
        with pytest.raises(ProblemError, match="removed or replaced while in use"):
            use()
    ledger.close()
    assert there() == before
    if (tmp_path / "runs.db").exists() and spoil is not another:
        assert alone(tmp_path / "runs.db", tmp_path) == [("ok",)]


@pytest.mark.parametrize("writes_again", [True, False])
def test_another_driver_after_the_loss_keeps_what_it_records(
    writes_again: bool, tmp_path: Path, spawn: Callable[..., "subprocess.Popen[str]"]
) -> None:
    path = tmp_path / "runs.db"
    made = Ledger(path, read_only=False)
    made.create_campaign("eight", SPACE, SearchConfig())
    made.close()
    first = spawn("hang", path)
    assert first.stdout is not None
    first.stdout.readline()
    index_removed(path)
    second = spawn("train_all", path, 5)
    second.communicate(timeout=60)
    assert second.returncode == 0
    messages, _ = first.communicate("again\n" if writes_again else "", timeout=60)
    assert ("removed or replaced while in use" in messages) is writes_again
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    ledger = Ledger(path)
    assert ledger.check() == []
    ended = ledger.candidates()["outcome"].tolist()
    assert ended.count("ok") == 4


def test_a_file_that_cannot_be_looked_at_was_not_written_over(maker: Maker) -> None:
    maker.trained("ant_s", "bee_s", val=0.5)
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, limits[1]))
    spare = []
    try:
        with suppress(OSError):
            while True:
                spare.append(os.dup(1))
        with pytest.raises(ProblemError, match="cannot be opened"):
            maker.ledger.storage.fold_in()
    finally:
        for number in spare:
            os.close(number)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    maker.ledger.storage.fold_in()
    maker.draw("cat_s", "dog_s")


@pytest.mark.parametrize("content", ["older", "another", "no database", "nothing"])
def test_a_file_that_is_written_over_is_noticed(content: str, maker: Maker, tmp_path: Path) -> None:
    maker.trained("ant_s", "bee_s", val=0.5)
    if content == "another":
        fill(tmp_path / "other.db")
    else:
        backup(Ledger(maker.path), tmp_path / "other.db")
    maker.trained("cat_s", "dog_s", val=0.5)
    maker.ledger.storage.fold_in()
    other = {"no database": b"words " * 9999, "nothing": b""}.get(content)
    with (tmp_path / "runs.db").open("r+b") as file:  # as `cp` does
        file.truncate()
        file.write((tmp_path / "other.db").read_bytes() if other is None else other)
    with pytest.raises(ProblemError, match="overwritten while in use"):
        maker.ledger.storage.fold_in()


def test_what_is_lost_within_a_transaction_is_noticed_at_its_end(maker: Maker) -> None:
    leased = maker.draw("ant_s", "bee_s")
    attempt = maker.start(leased)

    def spoilt() -> None:
        with maker.ledger.session():
            removed(Path(maker.path))

    with pytest.raises(ProblemError, match="may be lost"):
        spoilt()
    with pytest.raises(ProblemError, match="removed or replaced"):
        maker.store.finish(leased, attempt, Outcome(status=Status.OK), final=True)


def test_an_error_that_comes_of_a_loss_is_reported_as_the_loss(maker: Maker) -> None:
    maker.draw("ant_s", "bee_s")

    def fails() -> None:
        with maker.ledger.session():
            removed(Path(maker.path))
            raise sqlite3.OperationalError("disk I/O error")

    with pytest.raises(ProblemError, match="may be lost"):
        fails()


def test_others_who_come_and_go_are_no_loss(maker: Maker) -> None:
    maker.draw("ant_s", "bee_s")
    for read_only in (True, False):
        other = Ledger(maker.path, read_only=read_only)
        assert other.campaign_names() == ["first"]
        other.close()
        maker.draw("cat_s", "dog_s", replicate=int(read_only))
    maker.ledger.close()
    Ledger(maker.path).candidates()
    maker.trained("bee_m", "cat_s", val=0.5)
    assert len(Ledger(maker.path).candidates()) == 4


def test_a_backup_has_all_that_was_committed(maker: Maker, tmp_path: Path) -> None:
    maker.trained("ant_s", "bee_s", val=0.5)
    leased = maker.draw("cat_s", "dog_s")
    with maker.ledger.session() as session:  # a campaign that is in the middle of something
        session.connection().exec_driver_sql("UPDATE candidates SET outcome = 'half'")
        size = backup(Ledger(maker.path), tmp_path / "copy.db")
    assert size == (tmp_path / "copy.db").stat().st_size
    assert sorted(path.name for path in tmp_path.glob("copy*")) == ["copy.db"]
    assert alone(tmp_path / "copy.db", tmp_path) == [("ok",), (None,)]
    copy = Ledger(tmp_path / "copy.db")
    assert copy.check() == []
    assert copy.candidates()["key"].tolist()[1] == leased.candidate.key


def test_a_backup_replaces_nothing_unasked(maker: Maker, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_text("mine")
    ledger = Ledger(maker.path)
    with pytest.raises(UsageError, match="--force"):
        backup(ledger, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "mine"
    backup(ledger, tmp_path / "copy.db", force=True)
    assert Ledger(tmp_path / "copy.db").campaign_names() == ["first"]
    for place in (Path(maker.path), tmp_path):
        with pytest.raises(UsageError, match=r"the ledger, or a file of it|not a regular file"):
            backup(ledger, place, force=True)
    with pytest.raises(ProblemError, match="no such folder"):
        backup(ledger, tmp_path / "nowhere" / "copy.db")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ("DROP TABLE probes", "damaged: the table probes missing"),
        ("ALTER TABLE attempts DROP COLUMN begun_at", "the column attempts.begun_at missing"),
    ],
)
def test_a_backup_of_what_is_not_whole_is_none(change: str, words: str, tmp_path: Path) -> None:
    fill(tmp_path / "runs.db")
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection, connection:
        connection.execute(change)
    with pytest.raises(ProblemError, match=words):
        backup(Ledger(tmp_path / "runs.db"), tmp_path / "copy.db")
    assert not (tmp_path / "copy.db").exists()


def test_what_an_index_does_not_say_is_damage(tmp_path: Path) -> None:
    """A quick look would not see it."""
    fill(tmp_path / "runs.db")
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        kept = "SELECT sql FROM sqlite_master WHERE name = 'ix_candidates_key'"
        [sql] = connection.execute(kept).fetchone()
        hide = "UPDATE sqlite_master SET sql = ? WHERE name = 'ix_candidates_key'"
        connection.execute(hide, [f"{sql} WHERE key > 'z'"])
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection, connection:
        connection.execute("PRAGMA writable_schema = ON")
        connection.execute("REINDEX")
        connection.execute(hide, [sql])
    with pytest.raises(ProblemError, match="missing from index ix_candidates_key"):
        backup(Ledger(tmp_path / "runs.db"), tmp_path / "copy.db")


@pytest.mark.parametrize("name", ["empty.db", "runs.1"])
def test_an_empty_file_is_not_made_a_ledger_unasked(name: str, tmp_path: Path) -> None:
    (tmp_path / name).touch()
    with pytest.raises(ProblemError, match="this ledger is empty"):
        Ledger(tmp_path / name, read_only=False, create=False)
    assert [(path.name, path.stat().st_size) for path in tmp_path.iterdir()] == [(name, 0)]
    Ledger(tmp_path / name, read_only=False).close()
    Ledger(tmp_path / name, read_only=False, create=False).close()
