"""What dead drivers left is cleared, and what belongs to others is not."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from nas.campaign.stale_files import clear_leftovers, stop_file
from nas.ledger import Owner


def test_stop_files_of_the_dead_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    code = "from nas.ledger import Owner; print(Owner.me(), end='')"
    dead = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    mine = str(Owner.me())
    for owner in (dead, mine):
        stop_file(tmp_path, owner).write_text(owner)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text(dead)
    link, odd, new, old, fifo = (f"stop-{n}{'a' * 7}" for n in range(5))
    (tmp_path / link).symlink_to(elsewhere)
    (tmp_path / odd).write_text("no owner")
    (tmp_path / new).touch()
    own = ("stop-work", "stop-0aaaaaaaa", "stop-AAAAAAAA", "stop-deadbeef.txt", "stop-")
    for name in (old, *own):
        (tmp_path / name).touch()
        os.utime(tmp_path / name, (0, 0))
    os.mkfifo(tmp_path / fifo)
    clear_leftovers(tmp_path)
    left = {"elsewhere", link, odd, new, fifo, *own}
    assert {path.name for path in tmp_path.iterdir()} == left | {stop_file(tmp_path, mine).name}


def test_a_worker_killed_at_any_moment_leaves_no_file(tmp_path: Path) -> None:
    """Its log has no name, from the moment it is made."""
    code = (
        "import os, signal\n"
        "from nas.processes.child import Child\n"
        "if __name__ == '__main__':\n"
        "    Child()\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    script = tmp_path / "driver.py"
    script.write_text(code)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    killed = subprocess.run([sys.executable, str(script)], env=environment, check=False)
    assert killed.returncode == -9
    assert list(temporary.iterdir()) == []
