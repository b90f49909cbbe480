"""A campaign that is stopped from outside: what it keeps, and how it goes on."""

import os
import select
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from real_nas import nas, results, started, write_nano, write_space

import nas as package

pytestmark = pytest.mark.proof


def test_a_closed_terminal_stops_the_campaign_cleanly(tmp_path: Path) -> None:
    """It reaches every process of the group, and more than once: from the kernel and the shell."""
    space = write_nano(tmp_path, nap=0.05, epochs=40)
    search = ("search", space, "--trials", "1", "--executor", "local", "--no-controls")
    master, slave = os.openpty()
    with started(
        *search,
        cwd=tmp_path,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        # Even where `nohup` runs these tests, which asks that a closed terminal be ignored.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    ) as running:
        os.close(slave)
        with read_meanwhile(master):
            wait_for_an_epoch(tmp_path, running)
        os.close(master)
        os.killpg(running.pid, signal.SIGHUP)
        time.sleep(0.2)
        os.killpg(running.pid, signal.SIGHUP)
        assert running.wait() == 75
    ledger = package.Ledger(tmp_path / "runs.db")
    assert ledger.campaign().state == "stopped"
    assert list(ledger.attempts()["outcome"]) == ["interrupted"]
    assert list(ledger.attempts()["message"]) == ["stopped after an epoch"]


def test_a_campaign_outlives_the_reader_of_its_output(tmp_path: Path) -> None:
    space = write_nano(tmp_path)
    search = ("search", space, "--trials", "2", "--executor", "local", "--no-controls")
    with started(*search, cwd=tmp_path, stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stdout.readline()
        running.stdout.close()
        assert running.wait() == 0
    assert set(results(tmp_path).values()) == {"ok"}


@pytest.mark.parametrize(
    ("executor", "stop", "code"),
    [
        ("local", signal.SIGINT, 130),
        pytest.param("ray", signal.SIGTERM, 75, marks=pytest.mark.ray),
    ],
)
def test_a_signal_to_the_whole_group_keeps_the_running_epoch_and_resume_goes_on_from_it(
    executor: str, stop: signal.Signals, code: int, tmp_path: Path
) -> None:
    """As a terminal's Ctrl-C, a container's end and a batch system do it."""
    space = write_nano(tmp_path, nap=0.02, epochs=20)
    search = ("search", space, "--trials", "1", "--executor", executor, "-w", "1")
    with started(*search, cwd=tmp_path, start_new_session=True) as running:
        wait_for_an_epoch(tmp_path, running)
        os.killpg(running.pid, stop)
        assert running.wait() == code
    assert list(package.Ledger(tmp_path / "runs.db").attempts()["outcome"]) == ["interrupted"]
    nas("resume", "--executor", "local", cwd=tmp_path, NO_NAPS="1")
    assert set(results(tmp_path).values()) == {"ok"}
    attempts = package.Ledger(tmp_path / "runs.db").attempts()
    resumed = attempts[attempts["resumed_from"].notna()]
    assert len(resumed) == 1
    # No epoch is trained twice: each candidate's epochs, over all its attempts, are 1 to 20.
    epochs = package.Ledger(tmp_path / "runs.db").epochs()
    for _, own in epochs.groupby("key"):
        assert sorted(own["epoch"]) == list(range(1, 21))


def test_a_signal_before_the_first_trial_says_how_to_go_on(tmp_path: Path) -> None:
    space = write_space(tmp_path)
    with started(
        *("search", space, "--trials", "1", "--executor", "local"),
        cwd=tmp_path,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        while not psutil.Process(running.pid).children():  # the sandbox of its pre-flight
            assert running.poll() is None
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGTERM)
        _, messages = running.communicate()
    assert running.returncode == 75
    assert (
        "Interrupted before the first trial. Continue with: nas resume -c five-digits" in messages
    )
    assert "Traceback" not in messages


@contextmanager
def read_meanwhile(terminal: int) -> Iterator[None]:
    """Reads what a terminal would show: unread, it would block the writer."""
    end = threading.Event()

    def read() -> None:
        while not end.is_set():
            if select.select([terminal], [], [], 0.1)[0]:
                with suppress(OSError):  # nobody writes any more
                    os.read(terminal, 65536)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        yield
    finally:
        end.set()
        reader.join()


def wait_for_an_epoch(folder: Path, running: "subprocess.Popen[Any]") -> None:
    """Until the ledger of a campaign that runs holds an epoch."""
    uri = f"file:{folder / 'runs.db'}?mode=ro"
    while running.poll() is None:
        # Straight from the file: the campaign needs the processor more than its watcher.
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(uri, uri=True)) as runs:
            if runs.execute("select 1 from epochs").fetchone():
                return
        time.sleep(0.1)
    raise AssertionError("it ended before an epoch was recorded")
