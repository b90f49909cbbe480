"""A campaign that is stopped from outside: what it keeps, and how it goes on."""

import os
import select
import signal
import sqlite3
import subprocess
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import psutil
import pytest
from real_nas import command, environment, nas, results, write_nano, write_space

import nas as package

pytestmark = pytest.mark.slow


def test_a_closed_terminal_stops_the_campaign_cleanly(tmp_path: Path) -> None:
    """It reaches every process of the group, and more than once: from the kernel and the shell."""
    space = write_nano(tmp_path, nap=0.05, epochs=40)
    search = command("search", space, "--trials", "1", "--executor", "local", "--no-controls")
    master, slave = os.openpty()
    running = subprocess.Popen(
        search,
        cwd=tmp_path,
        env=environment(),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
        # Even where `nohup` runs these tests, which asks that a closed terminal be ignored.
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),
    )
    os.close(slave)
    closing = threading.Event()
    reader = threading.Thread(target=read_until, args=(master, closing))
    reader.start()
    try:
        wait_for_epochs(tmp_path, 1)
        closing.set()
        reader.join()
        os.close(master)
        os.killpg(running.pid, signal.SIGHUP)
        time.sleep(0.2)
        os.killpg(running.pid, signal.SIGHUP)
        assert running.wait(120) == 75
    finally:
        running.kill()
    ledger = package.Ledger(tmp_path / "runs.db")
    assert ledger.campaign().state == "stopped"
    assert list(ledger.attempts()["outcome"]) == ["interrupted"]
    assert list(ledger.attempts()["message"]) == ["stopped after an epoch"]


def test_a_campaign_outlives_the_reader_of_its_output(tmp_path: Path) -> None:
    space = write_nano(tmp_path)
    search = command("search", space, "--trials", "2", "--executor", "local", "--no-controls")
    running = subprocess.Popen(
        search, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stdout.readline()
    running.stdout.close()
    assert running.wait(200) == 0
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
    space = write_nano(tmp_path, nap=0.02, epochs=5)
    running = subprocess.Popen(
        command("search", space, "--trials", "1", "--executor", executor, "-w", "1"),
        cwd=tmp_path,
        env=environment(),
        start_new_session=True,
    )
    try:
        wait_for_epochs(tmp_path, 1)
        os.killpg(running.pid, stop)
        assert running.wait(120) == code
    finally:
        running.kill()
    assert list(package.Ledger(tmp_path / "runs.db").attempts()["outcome"]) == ["interrupted"]
    nas("resume", "--executor", "local", cwd=tmp_path)
    assert set(results(tmp_path).values()) == {"ok"}
    attempts = package.Ledger(tmp_path / "runs.db").attempts()
    resumed = attempts[attempts["resumed_from"].notna()]
    assert len(resumed) == 1
    # No epoch is trained twice: each candidate's epochs, over all its attempts, are 1 to 5.
    epochs = package.Ledger(tmp_path / "runs.db").epochs()
    for _, own in epochs.groupby("key"):
        assert sorted(own["epoch"]) == list(range(1, 6))


def test_a_signal_before_the_first_trial_says_how_to_go_on(tmp_path: Path) -> None:
    space = write_space(tmp_path)
    running = subprocess.Popen(
        command("search", space, "--trials", "1", "--executor", "local"),
        cwd=tmp_path,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        while not psutil.Process(running.pid).children():  # the sandbox of its pre-flight
            time.sleep(0.05)
        os.killpg(running.pid, signal.SIGTERM)
        _, said = running.communicate(timeout=120)
    finally:
        running.kill()
    assert running.returncode == 75
    assert "Interrupted before a trial began. Go on with: nas resume five-digits" in said
    assert "Traceback" not in said


def read_until(terminal: int, end: threading.Event) -> None:
    """Reads what a terminal would show: unread, it would block the writer."""
    while not end.is_set():
        if select.select([terminal], [], [], 0.1)[0]:
            os.read(terminal, 65536)


def wait_for_epochs(folder: Path, count: int, seconds: float = 90) -> None:
    """Until the ledger holds so many epochs."""
    uri = f"file:{folder / 'runs.db'}?mode=ro"
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        # Straight from the file: the campaign needs the processor more than its watcher.
        with suppress(sqlite3.OperationalError), closing(sqlite3.connect(uri, uri=True)) as runs:
            if runs.execute("select count(*) from epochs").fetchone()[0] >= count:
                return
        time.sleep(0.1)
    raise AssertionError("no epoch was recorded in time")
