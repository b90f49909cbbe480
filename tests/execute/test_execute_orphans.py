"""Workers die with their driver, however it ends."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from scripted_driver import workers

from nas.processes.signals import STOPS

HERE = Path(__file__).parent


@pytest.fixture
def short_temporary_folder() -> Iterator[str]:
    """For what a killed driver cannot tidy up; short enough for Ray's sockets."""
    with tempfile.TemporaryDirectory(prefix="n", dir="/tmp", ignore_cleanup_errors=True) as folder:
        yield folder


@pytest.mark.proof
@pytest.mark.parametrize(
    ("executor", "script"),
    [
        ("local", "sleep"),
        ("local", "hold_gil"),  # no thread of the worker's own could notice
        pytest.param("ray", "hold_gil", marks=pytest.mark.ray),
    ],
)
def test_workers_die_with_a_driver_that_is_killed(
    tmp_path: Path, short_temporary_folder: str, executor: str, script: str
) -> None:
    driver = subprocess.Popen(
        [sys.executable, str(HERE / "orphan.py"), executor, script, str(tmp_path)],
        stdout=subprocess.PIPE,
        env={**os.environ, "TMPDIR": short_temporary_folder},
    )
    family: list[psutil.Process] = []
    try:
        assert driver.stdout is not None
        assert driver.stdout.readline() == b"1\n"  # its first epoch: it hangs from now on
        family = psutil.Process(driver.pid).children(recursive=True)
        running = [psutil.Process(pid) for pid in workers(driver.pid, named="TuneWorker")]
        assert running
        driver.send_signal(signal.SIGKILL)
        driver.wait()
        _, alive = psutil.wait_procs(running, timeout=60)
        assert alive == []
    finally:
        driver.kill()
        for bookkeeper in family:  # Ray's own take a minute to notice
            with suppress(psutil.NoSuchProcess):
                bookkeeper.kill()
        driver.wait()
        driver.stdout.close()


@pytest.mark.proof
def test_stop_signals_do_not_reach_workers(tmp_path: Path) -> None:
    """They are sent to whole groups; only the driver may act on them."""
    driver = subprocess.Popen(
        [sys.executable, str(HERE / "orphan.py"), "local", "endless", str(tmp_path)],
        stdout=subprocess.PIPE,
    )
    try:
        assert driver.stdout is not None
        driver.stdout.readline()
        (worker,) = map(psutil.Process, workers(driver.pid))
        for number in STOPS:
            worker.send_signal(number)
        for _ in range(100):
            assert driver.stdout.readline() == b"1\n"  # it goes on with its epochs
        assert worker.is_running()
    finally:
        driver.kill()
        driver.wait()
        driver.stdout.close()
