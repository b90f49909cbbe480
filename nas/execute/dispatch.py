"""Between a driver and its workers: which trials wait, which may start where, what came of them.

Executors differ in how they reach a worker; what it means for the campaign is decided here, once.
"""

import math
from pathlib import Path

from nas.execute.base import Driver, Executor, Idle, StallDetector, Ticker
from nas.execute.placing import WHOLE, Placing, sixteenths
from nas.execute.running import Running
from nas.execute.trial_process import Died, Event, Late
from nas.hardware.devices import CONTEXT_BYTES, visible_device
from nas.hardware.gpu_memory import Look, MemoryReader
from nas.processes.child import Item, Raised, Returned, Started
from nas.processes.halted import is_halted, wake
from nas.schema import BUSY, DEVICE, Epoch, Outcome, Status, Trial
from nas.working_time import awake

AHEAD = 4
"""How many trials are taken beyond the free workers, where those taken wait for a GPU: one of them
may have the room that the others lack. On one GPU, 4 workers and 80 % quarter shares, 12 % of it
lay idle without any, and 0.2 % with 4 (simulated); more gain nothing."""


class Dispatcher:
    """The trials that an executor has taken from its driver, for the whole of one `run`."""

    def __init__(self, driver: Driver, settings: Executor) -> None:
        self.driver = driver
        self.settings = settings
        self.placing = Placing(settings.gpus)
        self.taken: dict[int, Running] = {}
        """By attempt: those not yet reported, waiting ones too."""
        self.over = False
        """The driver is DONE."""
        self._ready: list[Running] = []
        """Trials that need no GPU."""
        self._ticker = Ticker(driver)
        self._attention = StallDetector()
        self._memory = MemoryReader(settings.gpus)
        self._seen: Look = ()
        self._begun = [0] * settings.gpus
        """How many trials have begun on each GPU: so many processes may keep something there."""
        self._lost: Outcome | None = None
        """What the last GPU to go was retired for."""

    def beat(self) -> None:
        """Lets the driver do its regular work; see `Ticker`."""
        self._ticker.beat()

    # Taking and starting

    def take(self) -> Running | None:
        """Another trial of the driver's, if it has one now."""
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
        """Whether to take another trial, while so many workers have none to run."""
        return free > 0 and len(self.placing.waiting) + len(self._ready) < free + AHEAD

    def fill(self, free: int) -> list[tuple[Running, int | None]]:
        """Takes trials for so many free workers, one after another, and says which start now."""
        starting = self.grant(free)
        while self.wants(free - len(starting)) and self.take():
            starting += self.grant(free - len(starting))
        return starting

    def grant(self, most: float = math.inf) -> list[tuple[Running, int | None]]:
        """Those that start now, so many at most, first in line first, with their GPU."""
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
            self._begun[gpu] += 1
        return starting + [(self.taken[trial], gpu) for trial, gpu in placed]

    def _look_at_memory(self) -> None:
        """How much of each GPU other programs leave. What they have of a sixteenth does not
        count, but of the last."""
        look = self._memory.look()
        if look is self._seen:
            return  # what began since is not in it
        self._seen = look
        for gpu, memory in enumerate(look):
            if memory is not None:
                share = self.placing.taken(gpu) / WHOLE
                processes = min(self.settings.workers, self._begun[gpu])
                room = memory.room(share, 2 * CONTEXT_BYTES * processes)
                # With less than the smallest share there is only somebody to be crowded out.
                parts = -(-room * WHOLE // memory.total) if room * WHOLE >= memory.total else 0
                self.placing.leave_room(gpu, parts)

    def visible(self, gpu: int | None) -> str | None:
        """What CUDA_VISIBLE_DEVICES is to be for a worker on a GPU; None leaves it alone."""
        return None if gpu is None else visible_device(gpu)

    def release(self, attempt: int) -> None:
        """The worker of a trial that was reported has given back what it took of a GPU."""
        if attempt not in self.taken:  # one that goes to another GPU waits for that
            self.placing.leave(attempt)

    # Listening

    def recv(self, running: Running, event: Event) -> bool:
        """What a trial's worker reports. False once the trial is over for this worker: reported,
        stopped by the driver, or back in line because its GPU is no use."""
        match event:
            case Started(pid):
                if running.begun is None:
                    running.begin(pid)
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
        """Those whose worker is to be killed now. One that was stopped is not, but let go on once
        it has been stopped for long."""
        seconds, now = self._attention.seconds(), awake()
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
        """Reports one of `overdue`, which is gone; `tail` is the last it printed."""
        if running.begun is None:
            outcome = running.unstarted(self.settings.START_SECONDS).with_(detail=tail)
        else:
            outcome = running.timed_out()
        self._end(running, outcome)

    def end(self, running: Running, outcome: Outcome) -> None:
        """Reports a trial that no worker has any more."""
        self._end(running, outcome)

    def abort(self) -> None:
        """Reports all that were taken, when their workers are gone."""
        for running in list(self.taken.values()):
            self._end(running, running.interrupted())

    # Ending

    def _ended(self, running: Running, outcome: Outcome) -> None:
        """An outcome from its worker. A GPU that does not work takes no more trials, and its trial
        goes to another, if there is one."""
        gpu = self.placing.gpu_of(running.attempt)
        if outcome.stage == BUSY and gpu is not None and self.placing.take_one_at_a_time(gpu):
            message = (
                f"{outcome.message}; GPU {gpu} takes one process at a time, and has one from now on"
            )
            outcome = outcome.with_(message=message)
        if outcome.stage != DEVICE or gpu is None:
            self._end(running, outcome)
            return
        if gpu in self.placing.alive:
            self.placing.retire(gpu)
            self._memory.leave_out(gpu)
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
        """The outcome of a trial that no GPU is left for."""
        if self._lost is None:
            gpus = self.settings.gpus
            return running.ended(Status.INVALID, f"asks for a GPU; this executor has {gpus}")
        return running.ended(Status.CRASH, self._lost.message, self._lost.detail).with_(
            stage=DEVICE
        )
