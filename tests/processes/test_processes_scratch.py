"""Temporary folders: they go with their process, or after it."""

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import fake_evaluate as fake
import pytest

from nas.processes import Sandbox
from nas.processes.scratch import KINDS, Scratch, clear_left_behind, short_root


def test_a_long_temporary_folder_is_not_for_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/tmp/n")
    assert short_root() is None
    monkeypatch.setattr(tempfile, "tempdir", "/var/folders/zz/zyxvpxvq6csfxvn_n0000000000000/T")
    assert short_root() == "/tmp"


@pytest.mark.parametrize("kind", KINDS)
def test_folders_of_dead_drivers_are_cleared_and_no_others(kind: str, tmp_path: Path) -> None:
    for name in (f"nas-{kind}-dead", f"nas-{kind}-alive", "nas-other"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "lock").touch()
    for name in (f"nas-{kind}-starting", f"nas-{kind}-killed", f"nas-{kind}-kept"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "unlocked").touch()
    (tmp_path / f"nas-{kind}-kept" / "somebody's").touch()
    for name in (f"nas-{kind}-killed", f"nas-{kind}-kept"):
        os.utime(tmp_path / name, (0, 0))
    with (tmp_path / f"nas-{kind}-alive" / "lock").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        clear_left_behind(tmp_path)
    left = ["nas-other", f"nas-{kind}-alive", f"nas-{kind}-kept", f"nas-{kind}-starting"]
    assert {path.name for path in tmp_path.iterdir()} == set(left)


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    yield tmp_path
    assert list(tmp_path.iterdir()) == []


def test_one_goes_with_what_made_it(temporary: Path) -> None:
    for removed in (True, False):
        made = Scratch("ray")
        (made.path / "file").touch()
        clear_left_behind()
        assert (made.path / "file").exists()
        if removed:
            made.remove()
        del made
        assert list(temporary.iterdir()) == []


def test_a_removal_that_was_interrupted_is_finished_by_the_next(temporary: Path) -> None:
    script = temporary / "killed.py"
    script.write_text(
        "import os, shutil, signal\n"
        "from nas.processes.scratch import Scratch\n"
        "made = Scratch('ray')\n"
        "for name in 'abc':\n"
        "    (made.path / name).mkdir()\n"
        "    (made.path / name / 'file').touch()\n"
        "really = shutil.rmtree\n"
        "def killed(path, **how):\n"
        "    really(path, **how)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "shutil.rmtree = killed\n"
        "made.remove()\n"
    )
    environment = {**os.environ, "TMPDIR": str(temporary)}
    killed = subprocess.run([sys.executable, str(script)], env=environment, check=False)
    script.unlink()
    assert killed.returncode == -signal.SIGKILL
    assert len(list(temporary.glob("nas-ray-*/*/file"))) == 2
    clear_left_behind()


def test_what_another_process_still_writes_is_removed_later(
    temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Scratch("ray")
    (made.path / "tune").mkdir()
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda *_, **__: None)
        made.remove()
    assert (made.path / "tune").exists()
    clear_left_behind()


def test_a_sandbox_works_in_an_empty_folder_that_goes(temporary: Path) -> None:
    with Sandbox() as sandbox:
        assert sandbox.call(os.listdir).value == []
        assert Path(sandbox.call(os.getcwd).value).is_relative_to(temporary)
        assert sandbox.call(fake.add, 1, b=2).value == 3


def test_a_killed_process_s_sandbox_is_cleared_by_the_next(temporary: Path) -> None:
    script = temporary / "killed.py"
    script.write_text(
        "import os, signal\n"
        "from nas.processes import Sandbox\n"
        "if __name__ == '__main__':\n"
        "    sandbox = Sandbox()\n"
        "    assert sandbox.call(os.mkdir, 'made').ok\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**os.environ, "TMPDIR": str(temporary)}
    killed = subprocess.run([sys.executable, str(script)], env=environment, check=False)
    script.unlink()
    assert killed.returncode == -signal.SIGKILL
    assert len(list(temporary.glob("*/*/made"))) == 1
    clear_left_behind()
