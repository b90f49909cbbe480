"""Trials in spawned children of this process: no Ray needed, everything else the same."""

import math
import time
from dataclasses import dataclass
from multiprocessing.connection import wait

from nas.execute.base import Attention, Driver, Executor, Idle, Ticker
from nas.execute.child import Child, Item, Raised, Returned, Started
from nas.execute.running import Running
from nas.execute.shares import Shares
from nas.spec import Epoch, Outcome, Status, Trial


class LocalExecutor(Executor):
    """`workers` persistent children, each running one trial after another.

    A child that dies or has to be killed costs the next trial a fresh start, nothing more.
    """

    START_SECONDS = 300.0
    """How long a child may take to start and import before it counts as dead."""

    def run(self, driver: Driver) -> None:
        crew = _Crew(self, driver)
        try:
            crew.work()
        finally:
            crew.close()


@dataclass(eq=False)
class _Place:
    """A share of a GPU."""

    gpu: int
    share: float


@dataclass(eq=False)
class _Worker:
    child: Child
    gpu: int | None = None
    """Where its CUDA context is, once it has one: hundreds of MB that only its end gives back."""
    running: Running | None = None
    """None when idle, and while it tidies up after a trial that was reported."""
    place: _Place | None = None
    busy: bool = False
    limit: float = math.inf
    """`time.monotonic()` at which it is killed."""


class _Crew:
    """One `run`: the workers, what they run, and the trial that waits for a GPU."""

    POLL_SECONDS = 0.1

    def __init__(self, settings: LocalExecutor, driver: Driver) -> None:
        self.settings = settings
        self.driver = driver
        self.ticker = Ticker(driver)
        self.attention = Attention()
        self.workers: list[_Worker] = []
        self.shares = Shares(settings.gpus)
        self.waiting: Trial | None = None
        self.over = False

    def work(self) -> None:
        while not self.driver.abort:
            self.ticker.beat()
            self._fill()
            busy = [worker for worker in self.workers if worker.busy]
            if self.over and not busy and self.waiting is None:
                return
            self._listen(busy)
            self._watch()
        self._abort()

    def close(self) -> None:
        for worker in self.workers:
            worker.child.close()
        self.workers.clear()

    # Starting

    def _fill(self) -> None:
        """Gives trials to free workers until there are no more of one or the other."""
        while sum(worker.busy for worker in self.workers) < self.settings.workers:
            if self.waiting is None:
                if self.over:
                    return
                given = self.driver.next()
                if not isinstance(given, Trial):
                    self.over = given is Idle.DONE
                    return
                self.waiting = given
            if not self._start(self.waiting):
                return
            self.waiting = None

    def _start(self, trial: Trial) -> bool:
        """Hands a trial to a worker; False where no GPU has its share free."""
        place: _Place | None = None
        if trial.device != "cpu":
            share = 1.0 if trial.memory_fraction is None else trial.memory_fraction
            gpu = self.shares.place(share)
            if gpu is None:
                if not any(worker.place for worker in self.workers):
                    self.driver.done(trial.attempt, _no_gpu(trial, share, self.settings.gpus))
                    return True
                return False
            place = _Place(gpu, share)
            trial = trial.with_(device=f"cuda:{gpu}")
        worker = self._worker(None if place is None else place.gpu)
        worker.busy, worker.running, worker.place = True, Running(trial), place
        worker.limit = time.monotonic() + self.settings.START_SECONDS
        worker.child.ask(self.settings.evaluate, trial)
        return True

    def _worker(self, gpu: int | None) -> _Worker:
        """An idle worker, rather one that knows this GPU; else a new one."""
        idle = [worker for worker in self.workers if not worker.busy]
        for worker in idle:
            if worker.gpu == gpu:
                return worker
        for worker in idle:
            if worker.gpu is None:
                worker.gpu = gpu
                return worker
        if idle and gpu is None:
            return idle[0]
        if idle and len(self.workers) >= self.settings.workers:
            self._dismiss(idle[0])
        worker = _Worker(Child(), gpu=gpu)
        self.workers.append(worker)
        return worker

    # Listening

    def _listen(self, busy: list[_Worker]) -> None:
        """Takes one message of each worker that has one, waiting for the first a short while."""
        if not busy:
            time.sleep(self.POLL_SECONDS)
            return
        ready = wait([worker.child.connection for worker in busy], self.POLL_SECONDS)
        for worker in busy:
            if worker.child.connection in ready:
                self._hear(worker)

    def _hear(self, worker: _Worker) -> None:
        message, running = worker.child.hear(), worker.running
        match message:
            case Started() if running is not None:
                running.begin()
                worker.limit = running.deadline(self.settings.GRACE)
                self.driver.started(running.attempt)
            case Item(Epoch() as epoch) if running is not None:
                running.note(epoch)
                more = self.driver.epoch(running.attempt, epoch)
                worker.child.go_on(more)
                if not more:
                    self._reported(worker)
            case Item(Outcome() as outcome) if running is not None:
                worker.child.go_on(False)
                self._report(worker, running, outcome)
                if outcome.needs_restart:
                    self._dismiss(worker)
            case Returned():
                if running is not None:
                    self._report(worker, running, running.silent())
                self._free(worker)
            case Raised(problem, detail):
                if running is not None:
                    self._report(worker, running, running.raised(problem, detail))
                self._free(worker)
            case None:
                if running is not None:
                    tail = worker.child.tail()
                    self._report(worker, running, running.died(worker.child.exitcode, tail))
                self._dismiss(worker)
            case _:
                raise TypeError(f"{self.settings.evaluate} gave {message!r}")

    def _watch(self) -> None:
        """Kills what is past its limit."""
        away, now = self.attention.away(), time.monotonic()
        for worker in self.workers:
            worker.limit += away
            if worker.running is not None:
                worker.running.pardon(away)
        for worker in [w for w in self.workers if w.busy and now >= w.limit]:
            running, tail = worker.running, worker.child.tail()
            self._dismiss(worker)
            if running is not None:
                outcome = (
                    running.ended(
                        Status.KILLED,
                        f"its worker did not start within {self.settings.START_SECONDS:g} s",
                        tail,
                    )
                    if running.begun is None
                    else running.timed_out()
                )
                self.driver.done(running.attempt, outcome)

    # Ending

    def _report(self, worker: _Worker, running: Running, outcome: Outcome) -> None:
        self._reported(worker)
        self.driver.done(running.attempt, outcome)

    def _reported(self, worker: _Worker) -> None:
        """From here the worker only tidies up, which has its own limit."""
        worker.running = None
        worker.limit = time.monotonic() + self.settings.GRACE

    def _free(self, worker: _Worker) -> None:
        worker.busy, worker.running, worker.limit = False, None, math.inf
        if worker.place is not None:
            self.shares.free(worker.place.gpu, worker.place.share)
            worker.place = None

    def _dismiss(self, worker: _Worker) -> None:
        worker.child.close()
        self._free(worker)
        self.workers.remove(worker)

    def _abort(self) -> None:
        """Kills everything first, then reports."""
        lost = [worker.running for worker in self.workers if worker.running is not None]
        if self.waiting is not None:
            lost.append(Running(self.waiting))
        self.close()
        for running in lost:
            self.driver.done(running.attempt, running.interrupted())


def _no_gpu(trial: Trial, share: float, gpus: int) -> Outcome:
    return Running(trial).ended(
        Status.INVALID, f"asks for {share:g} of a GPU; this executor has {gpus}"
    )
