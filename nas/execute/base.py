"""The two sides of execution: a driver that decides, an executor that runs.

The executor pulls trials from the driver and pushes back what they report, all in the thread that
called `run`; so a driver needs no locks and is the ledger's only writer.
"""

import time
from abc import ABC, abstractmethod
from enum import Enum
from typing import Protocol

from nas.execute.growth import allowance
from nas.schema import Epoch, Outcome, Trial
from nas.working_time import awake

EVALUATE = "nas.worker.evaluate:evaluate"
"""What workers run: `evaluate(trial) → Iterator[Epoch | Outcome]`, its Outcome last. A worker on a
GPU sees that one alone."""


class Idle(Enum):
    """Why a driver has no trial to give."""

    WAIT = "wait"
    """Nothing now; ask again soon."""
    DONE = "done"
    """Nothing any more; finish what runs."""


class Driver(Protocol):
    """What an executor needs of a campaign.

    What any of these raises ends `Executor.run`, which raises it again after its workers are gone.
    """

    @property
    def abort(self) -> bool:
        """True when everything is to be killed at once."""

    def next(self) -> Trial | Idle:
        """The next trial to run; its attempt is in the ledger already."""

    def started(self, attempt: int) -> None:
        """A worker has taken the trial up."""

    def epoch(self, attempt: int, epoch: Epoch) -> bool:
        """An epoch ended. False: stop this trial here; its outcome is the driver's own."""

    def done(self, attempt: int, outcome: Outcome) -> None:
        """The attempt ended by itself, by its death, by a time limit, or by an abort.

        Called exactly once for every trial taken from `next`, except those `epoch` stopped.
        """

    def retired(self, gpu: int, why: str) -> None:
        """A GPU does not work and takes no more trials; its trial goes to another, if one is left,
        and else ends with the stage DEVICE."""

    def tick(self) -> None:
        """Called at least once a second while `run` lasts: heartbeats, displays, deadlines."""


class Executor(ABC):
    """Runs trials until the driver is DONE and nothing is running any more.

    Obligations: at most `workers` trials run, and a few more are taken where some wait for a GPU
    (`Dispatcher.wants`); shares (`Trial.memory_fraction`) and order of GPUs are as in `placing`; a
    worker on a GPU sees no other, and a GPU that does not work is retired; a worker that dies,
    hangs past its time limit plus `GRACE`, or cannot start ends as an Outcome, never as an
    exception; no process of its own outlives `run`. `InlineExecutor`, which has no worker to lose,
    keeps only what it can.
    """

    START_SECONDS = 300.0
    """How long a worker may take to start and import before it counts as dead."""
    GRACE = 30.0
    """Seconds a worker gets beyond its time limit to end by itself before it is killed."""
    CHECK = "nas.hardware.devices:check_first_gpu"
    """What a fresh process is asked, as `module:name`, after a trial that left its own unfit: what
    is wrong with the first GPU, "" where it works. What it raises is no answer."""

    def __init__(self, *, workers: int = 1, gpus: int = 0, evaluate: str = EVALUATE) -> None:
        if workers < 1:
            raise ValueError(f"workers must be at least 1, not {workers}")
        self.workers = workers
        self.growth_bytes = allowance(workers)
        """What a worker may have grown by since its first trial before it is replaced."""
        self.gpus = gpus
        self.evaluate = evaluate
        """The worker's function as `module:name`, looked up in the worker."""

    @abstractmethod
    def run(self, driver: Driver) -> None:
        """Blocks until the driver is DONE and every trial has ended, or the driver aborts."""


class Ticker:
    """Calls `driver.tick` about four times a second, however often it is beaten."""

    PERIOD = 0.25

    def __init__(self, driver: Driver) -> None:
        self._driver = driver
        self._due = 0.0

    def beat(self) -> None:
        """Call it as often as convenient: the driver ticks once a PERIOD."""
        now = time.monotonic()
        if now >= self._due:
            self._due = now + self.PERIOD
            self._driver.tick()


class StallDetector:
    """How long a watchdog looked away: its process was stopped, or waited for a locked ledger.

    No trial is to be killed for that time, in which nobody took its reports.
    """

    ALLOWED = 2.0
    """Seconds between two looks that need no reason."""

    def __init__(self) -> None:
        self._last = awake()

    def seconds(self) -> float:
        """Since the last look, or since this was made."""
        now = awake()
        seconds, self._last = now - self._last, now
        return seconds
