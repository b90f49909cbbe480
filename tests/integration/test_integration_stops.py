"""A campaign that is stopped from outside: what it keeps, and how it goes on."""

import os
import select
import signal
import subprocess
import threading
import time
from pathlib import Path

import pytest
from real_nas import command, environment, nas, results, write_space

import nas as package

pytestmark = pytest.mark.slow


def test_a_closed_terminal_stops_the_campaign_cleanly(tmp_path: Path) -> None:
    space = write_space(tmp_path)
    search = command("search", space, "--trials", "2", "--executor", "local", "--epochs", "4")
    master, slave = os.openpty()
    running = subprocess.Popen(
        search, cwd=tmp_path, env=environment(), stdin=slave, stdout=slave, stderr=slave
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
        running.send_signal(signal.SIGHUP)
        assert running.wait(120) == 75
    finally:
        running.kill()
    ledger = package.Ledger(tmp_path / "runs.db")
    assert ledger.campaign().state == "stopped"
    assert set(ledger.attempts()["outcome"]) <= {"ok", "interrupted"}


def test_a_campaign_outlives_the_reader_of_its_output(tmp_path: Path) -> None:
    space = write_space(tmp_path)
    search = command("search", space, "--trials", "2", "--executor", "local", "--no-controls")
    running = subprocess.Popen(
        search, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True
    )
    assert running.stdout is not None
    assert running.stdout.readline()
    running.stdout.close()
    assert running.wait(200) == 0
    assert set(results(tmp_path).values()) == {"ok"}


@pytest.mark.parametrize("executor", ["local", pytest.param("ray", marks=pytest.mark.ray)])
def test_ctrl_c_keeps_the_running_epoch_and_resume_goes_on_from_it(
    executor: str, tmp_path: Path
) -> None:
    space = write_space(tmp_path)
    arguments = ["--trials", "2", "--executor", executor, "-w", "1", "--epochs", "4"]
    running = subprocess.Popen(
        command("search", space, *arguments, "--no-controls"),
        cwd=tmp_path,
        env=environment(),
        start_new_session=True,
    )
    try:
        wait_for_epochs(tmp_path, 1)
        os.killpg(running.pid, signal.SIGINT)  # a terminal's Ctrl-C reaches the whole group
        assert running.wait(120) == 130
    finally:
        running.kill()
    assert "interrupted" in set(package.Ledger(tmp_path / "runs.db").attempts()["outcome"])
    nas("resume", "--executor", "local", cwd=tmp_path)
    assert set(results(tmp_path).values()) == {"ok"}
    attempts = package.Ledger(tmp_path / "runs.db").attempts()
    resumed = attempts[attempts["resumed_from"].notna()]
    assert len(resumed) >= 1
    # No epoch is trained twice: each candidate's epochs, over all its attempts, are 1 to 4.
    epochs = package.Ledger(tmp_path / "runs.db").epochs()
    for _, own in epochs.groupby("key"):
        assert sorted(own["epoch"]) == [1, 2, 3, 4]


def read_until(terminal: int, end: threading.Event) -> None:
    """Reads what a terminal would show: unread, it would block the writer."""
    while not end.is_set():
        if select.select([terminal], [], [], 0.1)[0]:
            os.read(terminal, 65536)


def wait_for_epochs(folder: Path, count: int, seconds: float = 90) -> None:
    """Until the ledger holds so many epochs."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if (folder / "runs.db").exists():
            try:
                if len(package.Ledger(folder / "runs.db").epochs()) >= count:
                    return
            except Exception:
                pass
        time.sleep(0.1)
    raise AssertionError("no epoch was recorded in time")
