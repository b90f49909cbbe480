"""Processes that cannot be killed: inside a driver's call on a lost GPU, they stay."""

import multiprocessing
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from nas.processes.child import Child
from nas.processes.programs import output_of


def test_a_child_that_does_not_die_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    child = Child()
    process, kill = psutil.Process(child.pid), child._process.kill
    monkeypatch.setattr(child._process, "kill", lambda: None)
    monkeypatch.setattr(Child, "GONE_SECONDS", 0.2)
    assert child._process in multiprocessing.active_children()
    process.suspend()  # or it would end with its pipe
    try:
        start = time.monotonic()
        child.close()
        assert time.monotonic() - start < 30
        assert process.is_running()
        assert child.exitcode is None
        assert child._process not in multiprocessing.active_children()  # nor at this one's end
    finally:
        kill()
        process.wait(30)


def test_what_a_program_says(tmp_path: Path) -> None:
    assert output_of([sys.executable, "-c", "print('a\\nb')"], 60) == "a\nb\n"
    assert output_of([sys.executable, "-c", "print('a'); raise SystemExit(9)"], 60) is None
    assert output_of([str(tmp_path / "missing")], 60) is None


def test_a_program_that_does_not_die_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[subprocess.Popen[bytes]] = []
    kill = subprocess.Popen.kill
    monkeypatch.setattr(subprocess.Popen, "kill", lambda process: made.append(process))
    monkeypatch.setattr("nas.processes.programs.GONE_SECONDS", 0.2)
    assert output_of([sys.executable, "-c", "import time; time.sleep(300)"], 0.5) is None
    (process,) = made
    assert process.poll() is None
    kill(process)
    process.wait(30)
