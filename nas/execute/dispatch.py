"""Trials between a driver and its workers: which wait, which start where, and how they ended.

Executors differ in how they reach a worker; the consequences for the campaign are decided here.
"""

import math
from pathlib import Path

from nas.execute.base import Driver, Executor, Idle, StallDetector, Ticker
from nas.execute.placing import WHOLE, Placing, sixteenths
from nas.execute.running import Running
from nas.execute.trial_process import Died, Event, Late
from nas.hardware.devices import CONTEXT_BYTES, visible_device
from nas.hardware.gpu_memory import Look, MemoryReader
from nas.processes.halted import is_halted, wake
from nas.processes.messages import Item, Raised, Returned, Started
from nas.schema import BUSY, DEVICE, Epoch, Outcome, Status, Trial
from nas.working_time import awake

AHEAD = 4
"""Number of trials taken beyond the free workers while some wait for a GPU: one of them may fit
where the others do not. Simulated for one GPU, 4 workers and 80 % quarter shares, 12 % of the GPU
lay idle without it and 0.2 % with 4; more gain nothing."""


class Dispatcher:
    """The trials that an executor has taken from its driver, during one `run`."""

    def __init__(self, driver: Driver, settings: Executor) -> None:
        self.driver = driver
        self.settings = settings
        self.placing = Placing(settings.gpus)
        self.taken: dict[int, Running] = {}
        """By attempt: trials not yet reported, waiting ones included."""
        self.over = False
        """Whether the driver is DONE."""
        self._ready: list[Running] = []
        """Trials that need no GPU."""
        self._ticker = Ticker(driver)
        self._stall = StallDetector()
        self._memory = MemoryReader(settings.gpus)
        self._seen: Look = ()
        self._started = [0] * settings.gpus
        """Trials started on each GPU: an upper bound of the processes with memory on it."""
        self._lost: Outcome | None = None
        """Why the last GPU was retired."""

    def tick(self) -> None:
        """Lets the driver do its regular work; see `Ticker`."""
        self._ticker.tick()

    # Taking and starting

    def take(self) -> Running | None:
        """Another trial of the driver; None if it has none now."""
        while not self.over:
            given = self.driver.next()
            if not isinstance(given, Trial):
                self.over = given is Idle.DONE
                return None
            running = self.taken[given.attempt] = Running(given)
            if given.device == "cpu":
                self._ready.append(running)
            elif self.placing.alive:
                self.placing.enter(given.attempt, sixteenths(given.memory_fraction))
            else:
                self._end(running, self._nowhere(running))
                continue
            return running
        return None

    def wants(self, free: int) -> bool:
        """Whether to take another trial, given the number of workers without one to run."""
        return free > 0 and len(self.placing.waiting) + len(self._ready) < free + AHEAD

    def fill(self, free: int) -> list[tuple[Running, int | None]]:
        """Takes trials for `free` workers, one after another; returns those that start now."""
        starting = self.grant(free)
        while self.wants(free - len(starting)) and self.take():
            starting += self.grant(free - len(starting))
        return starting

    def grant(self, most: float = math.inf) -> list[tuple[Running, int | None]]:
        """At most `most` trials that start now, in order of the queue, each with its GPU."""
        for attempt in self.placing.waiting:
            running = self.taken[attempt]
            if Path(running.trial.stop_file).exists():
                self._end(running, running.stopped())
        if self.placing.waiting:
            self._look_at_memory()
        starting: list[tuple[Running, int | None]] = []
        while self._ready and len(starting) < most:
            starting.append((self._ready.pop(0), None))
        placed = self.placing.place(most - len(starting))
        for _, gpu in placed:
            self._started[gpu] += 1
        return starting + [(self.taken[trial], gpu) for trial, gpu in placed]

    def _look_at_memory(self) -> None:
        """Updates how much of each GPU other programs leave, in sixteenths rounded up: what they
        use of the last sixteenth does not count."""
        look = self._memory.look()
        if look is self._seen:
            return  # the reading is older than trials that began since
        self._seen = look
        for gpu, memory in enumerate(look):
            if memory is not None:
                share = self.placing.taken(gpu) / WHOLE
                processes = min(self.settings.workers, self._started[gpu])
                room = memory.room(share, 2 * CONTEXT_BYTES * processes)
                # With less than the smallest share left, a trial would only displace others.
                parts = -(-room * WHOLE // memory.total) if room * WHOLE >= memory.total else 0
                self.placing.leave_room(gpu, parts)

    def visible(self, gpu: int | None) -> str | None:
        """CUDA_VISIBLE_DEVICES for a worker on this GPU; None leaves it unchanged."""
        return None if gpu is None else visible_device(gpu)

    def release(self, attempt: int) -> None:
        """Frees a GPU share: the worker of a reported trial has released its memory."""
        if attempt not in self.taken:  # a trial that moves to another GPU keeps its entry
            self.placing.leave(attempt)

    # Listening

    def handle(self, running: Running, event: Event) -> bool:
        """Handles an event from a trial's worker. False once the trial is over for this worker:
        reported, stopped by the driver, or queued again because its GPU does not work."""
        match event:
            case Started(pid):
                if running.started_at is None:
                    running.note_started(pid)
                    self.driver.started(running.attempt)
                return True
            case Item(Epoch() as epoch):
                running.note(epoch)
                more = self.driver.epoch(running.attempt, epoch)
                if not more:
                    del self.taken[running.attempt]
                return more
            case Item(Outcome() as outcome):
                self._ended(running, outcome)
            case Returned():
                self._end(running, running.missing_outcome())
            case Raised(problem, detail):
                self._end(running, running.raised(problem, detail))
            case Died(exitcode, tail):
                self._end(running, running.died(exitcode, tail))
            case Late(tail):
                self.expire(running, tail)
            case _:
                raise TypeError(f"{self.settings.evaluate} gave {event!r}")
        return False

    def overdue(self) -> list[Running]:
        """Trials whose worker must be killed now. A worker that is stopped (SIGSTOP) is not killed
        but continued after a long stop."""
        seconds, now = self._stall.seconds(), awake()
        for running in self.taken.values():
            if seconds > StallDetector.ALLOWED:
                running.extend_deadline(seconds)
            elif (
                running.pid is not None
                and is_halted(running.pid)
                and running.extend_for_pause(seconds, self.settings.GRACE)
            ):
                wake(running.pid)
        return [
            running
            for running in self.taken.values()
            if now >= running.deadline(self.settings.START_SECONDS, self.settings.GRACE)
        ]

    def expire(self, running: Running, tail: str = "") -> None:
        """Reports one of `overdue` after its worker is gone; `tail` is its last output."""
        if running.started_at is None:
            outcome = running.unstarted(self.settings.START_SECONDS).with_(detail=tail)
        else:
            outcome = running.timed_out()
        self._end(running, outcome)

    def end(self, running: Running, outcome: Outcome) -> None:
        """Reports a trial that has no worker any more."""
        self._end(running, outcome)

    def abort(self) -> None:
        """Reports all taken trials after their workers are gone."""
        for running in list(self.taken.values()):
            self._end(running, running.interrupted())

    # Ending

    def _ended(self, running: Running, outcome: Outcome) -> None:
        """Handles an outcome from a worker. A GPU that does not work is retired, and its trial
        moves to another GPU if there is one."""
        gpu = self.placing.gpu_of(running.attempt)
        if outcome.stage == BUSY and gpu is not None and self.placing.take_one_at_a_time(gpu):
            message = (
                f"{outcome.message}; GPU {gpu} accepts only one process and gets only one from now"
                " on"
            )
            outcome = outcome.with_(message=message)
        if outcome.stage != DEVICE or gpu is None:
            self._end(running, outcome)
            return
        if gpu in self.placing.alive:
            self.placing.retire(gpu)
            self._memory.retire(gpu)
            self.driver.retired(gpu, outcome.message)
            self._lost = outcome
        if self.placing.alive:
            self.placing.give_back(running.attempt)
            running.wait_again()
            return
        self._end(running, outcome)
        for attempt in self.placing.waiting:
            self._end(self.taken[attempt], self._nowhere(self.taken[attempt]))

    def _end(self, running: Running, outcome: Outcome) -> None:
        del self.taken[running.attempt]
        if running.attempt in self.placing.waiting:
            self.placing.leave(running.attempt)
        self.driver.done(running.attempt, outcome)

    def _nowhere(self, running: Running) -> Outcome:
        """The outcome of a trial for which no GPU is left."""
        if self._lost is None:
            gpus = self.settings.gpus
            return running.ended(Status.INVALID, f"needs a GPU; this executor has {gpus}")
        return running.ended(Status.CRASH, self._lost.message, self._lost.detail).with_(
            stage=DEVICE
        )
