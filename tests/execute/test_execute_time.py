"""Time in which a process was stopped does not count: `awake`, and what is timed by it."""

import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from nas.campaign.timer import BudgetTimer
from nas.processes import Sandbox
from nas.working_time import LONGEST_GAP, WorkingTime

REQUEST = """
import sys
from nas.working_time import awake
awake()
for line in sys.stdin:
    print(awake(), flush=True)
"""


def test_a_long_gap_between_two_looks_counts_as_the_longest_that_is_none() -> None:
    now = [10.0]
    clock = WorkingTime(lambda: now[0])
    passed = []
    for to in (10.5, 12.5, 100.0, 101.0):
        now[0] = to
        passed.append(clock.seconds())
    assert passed == [0.5, 2.5, 4.5, 5.5]
    assert LONGEST_GAP == 2.0


@pytest.fixture
def process() -> Iterator["subprocess.Popen[str]"]:
    requests = subprocess.Popen(
        [sys.executable, "-c", REQUEST], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    yield requests
    requests.kill()
    requests.communicate()


def awake_in(process: "subprocess.Popen[str]") -> float:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("?\n")
    process.stdin.flush()
    return float(process.stdout.readline())


def test_a_stopped_process_spends_no_time(process: "subprocess.Popen[str]") -> None:
    began, before = time.monotonic(), awake_in(process)
    process.send_signal(signal.SIGSTOP)
    time.sleep(4.0)
    process.send_signal(signal.SIGCONT)
    after = awake_in(process)
    assert after - before <= time.monotonic() - began - 4.0 + LONGEST_GAP


@pytest.mark.proof
def test_a_process_that_waits_spends_it(process: "subprocess.Popen[str]") -> None:
    """Its own thread reads the clock meanwhile: here no call is made for longer than a gap."""
    before = awake_in(process)
    time.sleep(3 * LONGEST_GAP)
    assert awake_in(process) - before > 2 * LONGEST_GAP


def test_a_stop_costs_no_budget(working_time: list[float]) -> None:
    clock = BudgetTimer(worked=0.0, budget=60.0)
    clock.start()
    working_time[0] += 1000.0  # Ctrl-Z, and fg after lunch
    clock.advance()
    assert clock.worked == LONGEST_GAP
    assert not clock.spent


def test_a_stop_in_pre_flight_is_no_answer_that_came_too_late(
    working_time: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first wait takes as long as anyone likes, for all processes were stopped."""
    monkeypatch.setattr(Sandbox, "LOOK_SECONDS", 0.01)
    with Sandbox() as sandbox:
        sandbox.call(Path.cwd)  # its process is up
        answers = iter([False, False])
        assert sandbox._child is not None
        connection = sandbox._child.connection
        wait = connection.poll

        def poll(seconds: float) -> bool:
            working_time[0] += 10_000.0
            return next(answers, True) and wait(60.0)

        monkeypatch.setattr(connection, "poll", poll)
        assert sandbox.call(Path.cwd, timeout=30.0).ok
