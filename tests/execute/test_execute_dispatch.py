"""Dispatcher: what it makes of a worker's reports, which the tests write themselves."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from fake_evaluate import make_epoch
from reported_memory import ReportedMemory
from scripted_driver import ScriptedDriver

from nas.execute.dispatch import AHEAD, Dispatcher
from nas.execute.executors.local import LocalExecutor
from nas.execute.running import Running
from nas.execute.trial_process import Died
from nas.hardware.gpu_memory import GpuMemory
from nas.processes.messages import Item, Raised, Started
from nas.schema import BUSY, DEVICE, Outcome, Status

DEAD = Item(Outcome(status=Status.CRASH, stage=DEVICE, message="no answer"))


def dispatcher(driver: ScriptedDriver, gpus: int) -> Dispatcher:
    return Dispatcher(driver, LocalExecutor(workers=4, gpus=gpus))


def test_a_trial_that_waits_spends_no_time(tmp_path: Path) -> None:
    driver = ScriptedDriver(["ok"] * 2, tmp_path, device="cuda", time_limit=5.0)
    line = dispatcher(driver, gpus=1)
    first, second = line.take(), line.take()
    assert isinstance(first, Running)
    assert isinstance(second, Running)
    ((started, gpu),) = line.grant()
    assert (started, gpu) == (first, 0)
    first.note_given()
    assert first.deadline(300.0, 30.0) == pytest.approx((first.given_at or 0.0) + 300.0)
    assert line.handle(first, Started())
    assert first.deadline(300.0, 30.0) == pytest.approx((first.started_at or 0.0) + 35.0)
    assert second.deadline(300.0, 30.0) == math.inf
    assert second.interrupted().seconds == 0.0
    assert line.overdue() == []


def test_further_trials_are_taken_while_others_wait_and_no_more_than_a_few(
    tmp_path: Path,
) -> None:
    driver = ScriptedDriver(["ok"] * 20, tmp_path, device="cuda")
    driver.trials[0] = driver.trials[0].with_(memory_fraction=1 / 16)
    driver.trials[3] = driver.trials[3].with_(memory_fraction=1 / 16)
    line = dispatcher(driver, gpus=1)
    started = [running.attempt for running, _ in line.fill(4)]
    assert started == [1, 4]  # each other wants all of it
    assert len(line.placing.waiting) == 2 + AHEAD  # for two free workers
    assert line.fill(2) == []
    line.fill(0)
    assert len(line.taken) == 2 + 2 + AHEAD


def test_no_more_start_than_there_are_workers(tmp_path: Path) -> None:
    driver = ScriptedDriver(["ok"] * 20, tmp_path, device="cuda", memory_fraction=1 / 16)
    for index in range(0, 20, 5):
        driver.trials[index] = driver.trials[index].with_(device="cpu")
    line = dispatcher(driver, gpus=1)
    assert [running.attempt for running, _ in line.fill(3)] == [1, 2, 3]
    assert line.fill(0) == []
    assert len(line.taken) == 3  # none waits: no others are taken
    assert [running.attempt for running, _ in line.fill(4)] == [4, 5, 6, 7]


def test_a_stop_of_all_makes_nobody_overdue(tmp_path: Path, working_time: list[float]) -> None:
    driver = ScriptedDriver(["ok"], tmp_path, time_limit=60.0)
    line = dispatcher(driver, gpus=0)
    running = line.take()
    assert isinstance(running, Running)
    running.note_given()
    line.handle(running, Started())
    working_time[0] += 10_000.0
    assert line.overdue() == []
    for _ in range(100):  # of work
        working_time[0] += 1.0
        late = line.overdue()
    assert late == [running]
    assert running.timed_out().seconds == 102.0


@pytest.fixture
def worker() -> Iterator[psutil.Popen]:
    """A process that is there to be stopped."""
    process = psutil.Popen(["sleep", "600"])
    yield process
    process.kill()
    process.wait()


def started(line: Dispatcher, pid: int) -> Running:
    running = line.take()
    assert isinstance(running, Running)
    running.note_given()
    line.handle(running, Started(pid))
    return running


def looks(line: Dispatcher, working_time: list[float], seconds: int) -> list[Running]:
    late: list[Running] = []
    for _ in range(seconds):
        working_time[0] += 1.0
        late = line.overdue()
    return late


def stop(worker: psutil.Popen) -> None:
    worker.suspend()
    while worker.status() != psutil.STATUS_STOPPED:
        pass


def test_a_worker_that_is_stopped_alone_spends_no_time(
    tmp_path: Path, working_time: list[float], worker: psutil.Popen
) -> None:
    driver = ScriptedDriver(["ok"] * 2, tmp_path, time_limit=20.0)
    line = dispatcher(driver, gpus=0)
    running, beside = started(line, worker.pid), started(line, os.getpid())
    assert looks(line, working_time, 10) == []
    stop(worker)
    assert looks(line, working_time, 39) == []
    assert looks(line, working_time, 1) == [beside]
    line.expire(beside)
    assert worker.status() == psutil.STATUS_STOPPED
    worker.resume()
    assert looks(line, working_time, 39) == []
    assert looks(line, working_time, 1) == [running]
    assert running.timed_out().seconds == 50.0


def test_a_worker_that_stops_itself_is_let_go_on_once_and_ends(
    tmp_path: Path, working_time: list[float], worker: psutil.Popen
) -> None:
    line = dispatcher(ScriptedDriver(["ok"], tmp_path, time_limit=20.0), gpus=0)
    running = started(line, worker.pid)
    stop(worker)
    assert looks(line, working_time, 50) == []
    assert worker.status() == psutil.STATUS_STOPPED
    assert looks(line, working_time, 1) == []
    assert worker.status() != psutil.STATUS_STOPPED
    stop(worker)
    assert looks(line, working_time, 48) == []
    assert looks(line, working_time, 1) == [running]
    assert worker.status() == psutil.STATUS_STOPPED


def test_a_worker_that_never_starts_is_overdue(tmp_path: Path) -> None:
    driver = ScriptedDriver(["ok"], tmp_path, time_limit=5.0)
    line = dispatcher(driver, gpus=0)
    line.settings.START_SECONDS = 0.0
    running = line.take()
    assert line.grant() == [(running, None)]
    assert isinstance(running, Running)
    running.note_given()
    assert line.overdue() == [running]
    line.expire(running, "its last words")
    outcome = driver.outcomes[1]
    assert (outcome.status, outcome.stage) == (Status.KILLED, "start")
    assert (outcome.message, outcome.detail) == (
        "the worker did not start within 0 s",
        "its last words",
    )


def test_what_ran_on_a_gpu_when_it_died_goes_elsewhere_too(tmp_path: Path) -> None:
    driver = ScriptedDriver(["ok"] * 3, tmp_path, device="cuda", memory_fraction=0.5)
    line = dispatcher(driver, gpus=2)
    for _ in range(3):
        line.take()
    first, second, third = (running for running, _ in line.grant())
    assert [line.placing.gpu_of(running.attempt) for running in (first, second, third)] == [0, 1, 0]
    for running in (first, third):
        line.handle(running, Started())
        assert line.handle(running, Item(make_epoch(2)))
        assert not line.handle(running, DEAD)
        line.release(running.attempt)
    assert driver.retirements == [(0, "no answer")]
    assert driver.outcomes == {}
    assert line.grant() == [(first, 1)]
    assert (first.started_at, first.epochs, first.peak_memory_bytes) == (None, 0, 0)
    line.handle(second, Item(Outcome(status=Status.OK)))
    line.release(second.attempt)
    assert line.grant() == [(third, 1)]


def test_a_gpu_that_takes_one_process_at_a_time_gets_one(tmp_path: Path) -> None:
    driver = ScriptedDriver(["ok"] * 4, tmp_path, device="cuda", memory_fraction=0.25)
    line = dispatcher(driver, gpus=1)
    first, second = (running for running, _ in line.fill(2))
    busy = Item(Outcome(status=Status.OOM, stage=BUSY, message="GPUs are busy"))
    assert not line.handle(second, busy)
    line.release(second.attempt)
    assert driver.outcomes[2].message == (
        "GPUs are busy; GPU 0 accepts only one process and gets only one from now on"
    )
    assert line.fill(3) == []
    assert line.placing.crowd(0, {"an idle process": 4}) == ["an idle process"]
    line.handle(first, Item(Outcome(status=Status.OK)))
    line.release(first.attempt)
    assert len(line.fill(3)) == 1
    assert driver.retirements == []


@pytest.mark.parametrize("left", [0, 1, 4])  # of 80 parts; the smallest share has 5
def test_a_gpu_that_others_have_filled_attracts_nobody(tmp_path: Path, left: int) -> None:
    driver = ScriptedDriver(["ok"] * 6, tmp_path, device="cuda", memory_fraction=1 / 8)
    line = dispatcher(driver, gpus=2)
    line._memory = ReportedMemory(GpuMemory(80, 79, ours=0), GpuMemory(80, left, ours=0))
    assert [gpu for _, gpu in line.fill(4)] == [0] * 4


def test_where_nobody_is_named_what_is_taken_is_others_until_a_trial_has_begun(
    tmp_path: Path,
) -> None:
    """As in a container: 12 of 24 GiB are a stranger's."""
    gib = 2**30
    driver = ScriptedDriver(["ok"] * 6, tmp_path, device="cuda", memory_fraction=1 / 4)
    line = dispatcher(driver, gpus=1)
    line._memory = ReportedMemory(GpuMemory(24 * gib, 12 * gib))
    assert len(line.fill(4)) == 2
    # Ours, and 4 of them are another stranger's.
    line._memory = ReportedMemory(GpuMemory(24 * gib, 2 * gib))
    line.grant(0)
    # Two quarters and what two processes may keep: 12 + 2 of the 22 that are taken.
    assert line.placing.free(0) == 11 - 8


def test_ends_without_an_outcome_get_one(tmp_path: Path) -> None:
    driver = ScriptedDriver(["ok"] * 2, tmp_path)
    line = dispatcher(driver, gpus=0)
    for event in (Raised("ValueError: no", "Traceback"), Died(-11, "stack")):
        running = line.take()
        assert isinstance(running, Running)
        line.handle(running, Started())
        assert not line.handle(running, event)
    assert driver.statuses == [Status.CRASH, Status.CRASH]
    assert driver.outcomes[1].detail == "Traceback"
    assert driver.outcomes[2].message == "the process crashed with SIGSEGV"
    assert line.taken == {}
