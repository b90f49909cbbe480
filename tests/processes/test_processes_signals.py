"""Stop signals held back, and how forked children of a worker end."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Iterator
from types import FrameType

import pytest

from nas.processes.signals import leave_stops_to_driver, stops_held


class StopError(Exception):
    pass


@pytest.fixture
def bystander() -> Iterator[None]:
    """A thread that takes signals, as a library's may: the kernel hands it those that the main
    thread blocks."""
    end = threading.Event()
    thread = threading.Thread(target=end.wait)
    thread.start()
    yield
    end.set()
    thread.join()


@pytest.fixture(params=[signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def raising(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """A signal whose handler raises StopError."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise StopError(number)

    number: signal.Signals = request.param
    before = signal.signal(number, stop)
    yield number
    signal.signal(number, before)


def test_a_signal_is_dealt_with_after(raising: signal.Signals, bystander: None) -> None:
    held = stops_held()
    held.__enter__()
    os.kill(os.getpid(), raising)
    time.sleep(0.1)  # for the other thread to be handed it
    with pytest.raises(StopError):
        held.__exit__(None, None, None)


def test_a_replaced_handler_is_set_anew(raising: signal.Signals) -> None:
    with stops_held():
        signal.signal(raising, signal.SIG_IGN)
    with pytest.raises(StopError):
        signal.raise_signal(raising)


def test_what_is_ignored_stays_ignored(bystander: None) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stops_held():
            os.kill(os.getpid(), signal.SIGHUP)
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_another_thread_holds_them_back_from_itself(raising: signal.Signals) -> None:
    masks: list[set[int]] = []

    def hold() -> None:
        with stops_held():
            masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, []))
        masks.append(signal.pthread_sigmask(signal.SIG_BLOCK, []))

    thread = threading.Thread(target=hold)
    thread.start()
    thread.join()
    assert raising in masks[0]
    assert raising not in masks[1]


def fork_and_end_at_once() -> None:
    # Called before what `leave_stops_to_driver` registers.
    os.register_at_fork(after_in_child=lambda: os.kill(os.getpid(), signal.SIGTERM))
    leave_stops_to_driver()
    child = multiprocessing.get_context("fork").Process(target=time.sleep, args=(60,))
    child.start()
    child.join()
    os._exit(0 if child.exitcode == -signal.SIGTERM else 1)


def test_a_forked_child_ends_by_sigterm_from_its_first_instruction() -> None:
    worker = multiprocessing.get_context("spawn").Process(target=fork_and_end_at_once)
    worker.start()
    worker.join(60)
    assert worker.exitcode == 0
