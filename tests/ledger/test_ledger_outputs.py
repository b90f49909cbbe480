"""Nothing that a person asks to be written replaces a ledger."""

import os
from pathlib import Path

import pytest
from ledger_maker import Maker
from real_nas import inside

COMMANDS = {
    "csv": ("report", "leaderboard", "-f", "csv", "-o"),
    "table": ("report", "leaderboard", "-o"),
    "page": ("report", "--html"),
    "export": ("export", "#0", "--code-only", "-o"),
    "study": ("export-study", "-o"),
    "backup": ("backup", "--force"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("file", ["runs.db", "runs.db-wal", "runs.db-journal", "link", "hard"])
def test_it_is_refused(tmp_path: Path, command: str, file: str) -> None:
    maker = Maker(tmp_path / "runs.db", dataset="digits")
    maker.trained("ant_s", "bee_s", val=0.5)
    (tmp_path / "link").symlink_to("runs.db")
    os.link(tmp_path / "runs.db-wal", tmp_path / "hard")
    before = {path.name: path.stat().st_ino for path in tmp_path.iterdir()}
    content = (tmp_path / "runs.db").read_bytes()
    done = inside(*COMMANDS[command], file, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
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
