"""The interface between a driver, which decides, and an executor, which runs trials.

The executor pulls trials from the driver and reports their events back, all in the thread that
called `run`. So a driver needs no locks and is the only writer to the ledger.
"""

import time
from abc import ABC, abstractmethod
from enum import Enum
from typing import Protocol

from nas.execute.growth import allowance
from nas.schema import Epoch, Outcome, Trial
from nas.working_time import awake

EVALUATE = "nas.worker.evaluate:evaluate"
"""The workers' function: `evaluate(trial) → Iterator[Epoch | Outcome]`, the Outcome last. A worker
on a GPU sees only that GPU."""


class Idle(Enum):
    """Why a driver returns no trial."""

    WAIT = "wait"
    """None at present; ask again soon."""
    DONE = "done"
    """None any more; finish the running ones."""


class Driver(Protocol):
    """The campaign's side of an executor.

    An exception from any method ends `Executor.run`, which re-raises it after its workers have
    ended.
    """

    @property
    def abort(self) -> bool:
        """True if all trials must be killed at once."""

    def next(self) -> Trial | Idle:
        """The next trial to run; its attempt is already in the ledger."""

    def started(self, attempt: int) -> None:
        """A worker has started the trial."""

    def epoch(self, attempt: int, epoch: Epoch) -> bool:
        """An epoch ended. False stops the trial here; the driver itself records its outcome."""

    def done(self, attempt: int, outcome: Outcome) -> None:
        """The attempt ended: by itself, by its death, by a time limit, or by an abort.

        Called exactly once for every trial from `next`, except those that `epoch` stopped.
        """

    def retired(self, gpu: int, why: str) -> None:
        """A GPU does not work and gets no more trials. Its trial moves to another GPU if one is
        left; otherwise it ends with the stage DEVICE."""

    def tick(self) -> None:
        """Called at least once a second during `run`: heartbeats, displays, deadlines."""


class Executor(ABC):
    """Runs trials until the driver is DONE and no trial is running.

    Obligations: at most `workers` trials run at a time; a few more are taken if some wait for a
    GPU (`Dispatcher.wants`). `placing` decides the shares (`Trial.memory_fraction`) and the order
    of GPUs. A worker on a GPU sees no other GPU, and a GPU that does not work is retired. A worker
    that dies, cannot start, or exceeds its time limit by `GRACE` ends as an Outcome, never as an
    exception. No worker outlives `run`. `InlineExecutor` has no worker processes and meets
    only the obligations that need none.
    """

    START_SECONDS = 300.0
    """How long a worker may take to start and import before it is presumed dead."""
    GRACE = 30.0
    """Seconds beyond its time limit in which a worker may end by itself before it is killed."""
    CHECK = "nas.hardware.devices:check_first_gpu"
    """A function, as `module:name`, that a fresh process calls after a trial left its own process
    unusable. It returns what is wrong with the first GPU, "" if it works. An exception means that
    the answer is unknown."""

    def __init__(self, *, workers: int = 1, gpus: int = 0, evaluate: str = EVALUATE) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        self.workers = workers
        self.growth_bytes = allowance(workers)
        """Bytes by which a worker may grow after its first trial before it is replaced."""
        self.gpus = gpus
        self.evaluate = evaluate
        """The workers' function as `module:name`, imported in the worker."""

    @abstractmethod
    def run(self, driver: Driver) -> None:
        """Blocks until the driver is DONE and every trial has ended, or the driver aborts."""


class Ticker:
    """Calls `driver.tick` at most about four times a second, however often `tick` is called."""

    PERIOD = 0.25

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._due = 0.0

    def tick(self) -> None:
        """Call it as often as convenient: the driver ticks once a PERIOD."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + self.PERIOD
            self._driver.tick()


class StallDetector:
    """Measures how long a watchdog was inactive: stopped, or waiting for a locked ledger.

    No report was read in that time, so it must not count against a trial's time limit.
    """

    ALLOWED = 2.0
    """Seconds between two checks that count as normal."""

    def __init__(self) -> None:
        self._last = awake()

    def seconds(self) -> float:
        """Seconds since the last call, or since the object was made."""
        now = awake()
        seconds, self._last = now - self._last, now
        return seconds
