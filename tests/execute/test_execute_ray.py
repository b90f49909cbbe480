"""RayExecutor: the contract in one shared session, then sessions of its own."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, chdir
from pathlib import Path

import psutil
import pytest
from executor_contract import ProcessContract
from planted import plant
from scripted_driver import EVALUATE, ScriptedDriver, offspring, workers

from nas.execute import Executor
from nas.execute.dispatch import AHEAD
from nas.execute.executors.ray import RayExecutor
from nas.execute.ray_session import ray_session
from nas.processes.signals import STOPS
from nas.schema import Epoch, Status

pytestmark = [pytest.mark.ray, pytest.mark.proof]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Begun in a folder whose Python files no worker must take for modules."""
    before = offspring()
    with ExitStack() as stack:
        with chdir(plant(tmp_path_factory.mktemp("planted"))):
            stack.enter_context(ray_session(workers=4 + AHEAD))
        yield
    assert offspring() <= before


@pytest.mark.usefixtures("session")
class TestRay(ProcessContract):
    def make(self, workers: int = 1, gpus: int = 0) -> Executor:
        return RayExecutor(workers=workers, gpus=gpus, evaluate=EVALUATE)

    def leftovers(self) -> set[int]:
        # The session keeps idle processes; an actor's takes a moment to go.
        until = time.monotonic() + 120
        while (left := workers(named="TuneWorker")) and time.monotonic() < until:
            time.sleep(0.1)
        return left

    def test_recycling_does_not_show(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["ok"] * 5, tmp_path)
        executor = RayExecutor(evaluate=EVALUATE)
        executor.RECYCLE = 2
        executor.run(driver)
        assert driver.statuses == [Status.OK] * 5
        assert [attempt for what, attempt in driver.events if what == "next"] == [1, 2, 3, 4, 5]

    def test_a_worker_that_cannot_start_is_an_outcome(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["ok"], tmp_path)
        RayExecutor(evaluate="no_such_module:evaluate").run(driver)
        assert driver.outcomes[1].status is Status.CRASH
        assert driver.outcomes[1].stage == "start"
        assert "no_such_module" in driver.outcomes[1].message

    def test_a_loop_that_tune_ends_by_itself_loses_no_trial(self, tmp_path: Path) -> None:
        """Tune takes SIGUSR1, which batch systems send, for the end of its run."""

        class Signalled(ScriptedDriver):
            def epoch(self, attempt: int, epoch: Epoch) -> bool:
                if epoch.epoch == 2:
                    os.kill(os.getpid(), signal.SIGUSR1)
                return super().epoch(attempt, epoch)

        before = signal.getsignal(signal.SIGUSR1)
        try:
            driver = Signalled(["endless", "ok"], tmp_path)
            RayExecutor(evaluate=EVALUATE).run(driver)
        finally:
            signal.signal(signal.SIGUSR1, before)
        assert driver.statuses == [Status.INTERRUPTED, Status.OK]

    def test_stop_signals_reach_neither_ray_nor_its_workers(self, tmp_path: Path) -> None:
        class Signalled(ScriptedDriver):
            def epoch(self, attempt: int, epoch: Epoch) -> bool:
                if epoch.epoch == 1:
                    for pid in offspring():
                        for number in STOPS:
                            os.kill(pid, number)
                return super().epoch(attempt, epoch)

        driver = Signalled(["ok 3", "ok"], tmp_path)
        RayExecutor(evaluate=EVALUATE).run(driver)
        assert driver.statuses == [Status.OK] * 2
        assert driver.outcomes[1].message == driver.outcomes[2].message  # by the same process

    def test_an_actor_that_heeds_nothing_is_killed(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from nas.execute.tune_bridge import TuneBridge

        monkeypatch.setattr(TuneBridge, "UNRESPONSIVE_SECONDS", 1.0)
        driver = ScriptedDriver(["deafen", "ok"], tmp_path)
        driver.limit(1.0, 1)
        executor = RayExecutor(evaluate=EVALUATE)
        executor.GRACE = 0.5
        executor.run(driver)
        assert driver.statuses == [Status.TIMEOUT, Status.OK]

    def test_workers_have_the_priority_of_their_driver(self, tmp_path: Path) -> None:
        """Ray's own choice would starve them on a busy machine."""
        driver = ScriptedDriver(["ok"], tmp_path)
        RayExecutor(evaluate=EVALUATE).run(driver)
        assert f" nice={psutil.Process().nice()} " in driver.outcomes[1].message

    def test_ray_listens_to_this_machine_alone(self) -> None:
        listening = [
            connection.laddr.ip
            for pid in offspring()
            for connection in psutil.Process(pid).net_connections()
            if connection.status == psutil.CONN_LISTEN
        ]
        assert listening
        assert all(ip.endswith("127.0.0.1") or ip == "::1" for ip in listening)


def test_a_session_of_its_own_is_silent_and_leaves_no_trace(tmp_path: Path) -> None:
    """Crashes, a failing start and a hang, in a fresh process: nothing on its terminal."""
    script = Path(__file__).with_name("ray_alone.py")
    with tempfile.TemporaryDirectory(prefix="n", dir="/tmp") as temporary:  # short: see its limit
        done = subprocess.run(
            [sys.executable, str(script), str(tmp_path / "trials")],
            capture_output=True,
            text=True,
            timeout=240,
            env={**os.environ, "TMPDIR": temporary, "RAY_ADDRESS": "192.0.2.1:6379"},
        )
    assert done.stderr == ""
    assert done.stdout == (
        "crash ok timeout ok; left: none; environment as before: True; SIGTERM heard 2 times\n"
    )
    assert done.returncode == 0
