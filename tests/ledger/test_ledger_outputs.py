"""Nothing that a person asks to be written replaces a ledger."""

import os
import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ledger_maker import Maker
from real_nas import inside, write_nano

COMMANDS = {
    "csv": ("report", "leaderboard", "-f", "csv", "-o"),
    "table": ("report", "leaderboard", "-o"),
    "page": ("report", "--html"),
    "export": ("export", "#0", "--code-only", "-o"),
    "study": ("export-study", "-o"),
    "backup": ("backup", "--force"),
}
WITHOUT = {
    "replay": ("replay", "airnet", "--seeds", "1", "-f", "csv", "-o"),
    "render": ("search", "nano.yaml", "--dry-run", "--trials", "1", "--render"),
    "publish": ("bank", "--publish"),
}
"""Commands that open no ledger, or none yet."""


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("file", ["runs.db", "runs.db-wal", "runs.db-journal", "link", "hard"])
def test_the_ledger_s_own_files_are_refused(tmp_path: Path, command: str, file: str) -> None:
    maker = Maker(tmp_path / "runs.db", dataset="digits")
    maker.trained("ant_s", "bee_s", val=0.5)
    (tmp_path / "link").symlink_to("runs.db")
    os.link(tmp_path / "runs.db-wal", tmp_path / "hard")
    before = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    content = (tmp_path / "runs.db").read_bytes()
    done = inside(*COMMANDS[command], file, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert re.search("this is (the ledger|a database)|SQLite keeps", done.stderr), done.stderr
    after = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    assert after == before
    assert (tmp_path / "runs.db").read_bytes() == content
    maker.ledger.close()


@pytest.mark.parametrize("command", ["csv", "table", "page", "study", "backup"])
def test_what_is_no_place_for_a_file_is_a_wrong_word(tmp_path: Path, command: str) -> None:
    maker = Maker(tmp_path / "runs.db", dataset="digits")
    maker.trained("ant_s", "bee_s", val=0.5)
    (tmp_path / "a").symlink_to("a")
    for out in ("nodir/x", ".", "a"):
        done = inside(*COMMANDS[command], out, cwd=tmp_path)
        assert done.returncode == 2, (out, done.stderr)
        assert "Traceback" not in done.stderr
    maker.ledger.close()


@contextmanager
def files_end_at(size: int) -> Iterator[None]:
    """As on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize("command", ["study", "backup"])
def test_a_database_that_cannot_be_written_is_named_in_a_line(tmp_path: Path, command: str) -> None:
    maker = Maker(tmp_path / "runs.db", dataset="digits")
    maker.trained("ant_s", "bee_s", val=0.5)
    done = inside(*COMMANDS[command], "/proc/x", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "nas: /proc/x: nothing can be created here — name another place\n",
    )
    with files_end_at(40_000):  # what SQLite keeps beside the ledger has room
        done = inside(*COMMANDS[command], "out", cwd=tmp_path)
    assert done.returncode == 1
    assert re.fullmatch(r"nas: \S*out: disk i/o error\n", done.stderr), done.stderr
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith("runs")] == []
    maker.ledger.close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """`other.db`, which no command here opens, closed and with its files, beside `runs.db`."""
    for name in ("runs.db", "other.db"):
        maker = Maker(tmp_path / name, dataset="digits")
        maker.trained("ant_s", "bee_s", val=0.5)
        maker.ledger.claim_files()
        maker.ledger.close()
    write_nano(tmp_path)
    return tmp_path


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("command", "file", "words"),
    [
        *[
            (command, "other.db", "this is a database, perhaps a ledger")
            for command in ("csv", "table", "page", "export", *WITHOUT)
        ],
        ("study", "other.db", "this file holds something else than Optuna's studies"),
        *[
            (command, "other.db-wal", "SQLite keeps a file of this name beside other.db")
            for command in ("csv", "study", "backup", "replay")
        ],
        *[("replay", name, "this is a database, perhaps a ledger") for name in ("link", "hard")],
        *[("replay", name, "that SQLite keeps beside a database") for name in ("wal", "journal")],
        *[
            (command, "other.files/ledger.json", "this is in a ledger's files folder")
            for command in ("csv", "page", "study", "backup", "replay")
        ],
        *[
            (command, "other.files/1/new", "this is in a ledger's files folder")
            for command in ("csv", "export", "study", "backup", *WITHOUT)
        ],
        ("replay", "linked/new", "this is in a ledger's files folder"),
    ],
)
def test_another_ledger_that_the_command_does_not_open_is_refused(
    project: Path, command: str, file: str, words: str
) -> None:
    (project / "link").symlink_to("other.db")
    (project / "linked").symlink_to("other.files")
    os.link(project / "other.db", project / "hard")
    (project / "wal").write_bytes(b"\x37\x7f\x06\x82" + bytes(100))
    (project / "journal").write_bytes(bytes.fromhex("d9d505f920a163d7") + bytes(100))
    before = content(project)
    done = inside(*{**COMMANDS, **WITHOUT}[command], file, cwd=project)
    assert done.returncode == 2, done.stderr
    assert words in done.stderr
    assert content(project) == before


def test_a_backup_replaces_another_ledger_and_a_study_goes_into_its_file(project: Path) -> None:
    assert inside("backup", "--force", "other.db", cwd=project).returncode == 0
    assert inside("export-study", "-o", "study.db", cwd=project).returncode == 0
    again = inside("export-study", "-o", "study.db", "--overwrite", cwd=project)
    assert again.returncode == 0, again.stderr
    refused = inside("export-study", "-o", "study.db", cwd=project)
    assert refused.returncode == 2


def test_a_study_s_file_that_is_full_is_named_and_keeps_what_it_has(project: Path) -> None:
    study = ("export-study", "-o", "study.db")
    assert inside(*study, cwd=project).returncode == 0
    before = (project / "study.db").read_bytes()
    with files_end_at(40_000):
        done = inside(*study, "--db", "other.db", "--overwrite", cwd=project)
    assert done.returncode == 1
    assert re.fullmatch(r"nas: \S*study.db: disk i/o error\n", done.stderr), done.stderr
    assert (project / "study.db").read_bytes() == before
    assert not (project / "study.db-journal").exists()


def test_a_file_of_the_same_name_as_a_marker_is_somebody_s_own(project: Path) -> None:
    (project / "books").mkdir()
    (project / "books" / "ledger.json").write_text('{"assets": 1}')
    done = inside(*COMMANDS["csv"], "books/out.csv", cwd=project)
    assert done.returncode == 0, done.stderr
