"""Trials in spawned child processes: like the Ray executor, but without Ray."""

import time
from dataclasses import dataclass
from multiprocessing.connection import wait

from nas.execute.base import Driver, Executor
from nas.execute.dispatch import Dispatcher
from nas.execute.placing import sixteenths
from nas.execute.running import Running
from nas.execute.trial_process import Event, TrialPayload, TrialProcess
from nas.processes.messages import Item
from nas.schema import Epoch


class LocalExecutor(Executor):
    """`workers` persistent children, each of which runs one trial after another.

    After a child has died or was killed, the next trial gets a new one.
    """

    def run(self, driver: Driver) -> None:
        pool = _WorkerPool(self, driver)
        try:
            pool.work()
        finally:
            pool.close()


@dataclass(eq=False)
class _Worker:
    process: TrialProcess
    gpu: int | None = None
    """The GPU with its CUDA context, if it has one: hundreds of MB, and the data set, which only
    the end of the process frees."""
    share: int = 0
    """Sixteenths of that GPU: used with a trial, and possibly still partly used without one."""
    running: Running | None = None
    """None if idle, and during cleanup after a reported trial."""
    attempt: int = 0
    """The attempt whose share of the GPU it has until it is idle."""


class _WorkerPool:
    """The workers of one `run`, and their trials."""

    POLL_SECONDS = 0.1

    def __init__(self, settings: LocalExecutor, driver: Driver) -> None:
        self.settings = settings
        self.driver = driver
        self.dispatcher = Dispatcher(driver, settings)
        self.workers: list[_Worker] = []

    def work(self) -> None:
        while not self.driver.abort:
            self.dispatcher.tick()
            self._fill()
            busy = [worker for worker in self.workers if worker.process.busy]
            if self.dispatcher.over and not busy and not self.dispatcher.taken:
                return
            self._listen(busy)
            self._watch()
        self.close()  # kill every worker first, then report
        self.dispatcher.abort()

    def close(self) -> None:
        for worker in self.workers:
            worker.process.close()
        self.workers.clear()

    # Starting

    def _fill(self) -> None:
        """Starts trials on workers that neither run a trial nor clean up after one."""
        busy = sum(worker.process.busy for worker in self.workers)
        for running, gpu in self.dispatcher.fill(self.settings.workers - busy):
            self._start(running, gpu)

    def _start(self, running: Running, gpu: int | None) -> None:
        worker = self._worker(gpu)
        if gpu is not None:
            self._make_room(gpu, worker)
        worker.gpu, worker.share = gpu, sixteenths(running.trial.memory_fraction)
        worker.running, worker.attempt = running, running.attempt
        running.note_given()
        payload = TrialPayload(running.trial, self.settings)
        worker.process.begin(payload, self.dispatcher.visible(gpu))

    def _worker(self, gpu: int | None) -> _Worker:
        """An idle worker, if possible one on this GPU with the largest share; else a new one."""
        idle = sorted(self._idle(), key=lambda worker: -worker.share)
        for known in (gpu, None):
            for worker in idle:
                if worker.gpu == known:
                    return worker
        if idle and len(self.workers) >= self.settings.workers:
            return idle[0]  # its process is replaced
        worker = _Worker(TrialProcess())
        self.workers.append(worker)
        return worker

    def _make_room(self, gpu: int, chosen: _Worker) -> None:
        """Dismisses idle workers whose memory does not fit beside the trials on a GPU."""
        idle = {worker: worker.share for worker in self._idle() if worker.gpu == gpu}
        idle.pop(chosen, None)
        for worker in self.dispatcher.placing.crowd(gpu, idle):
            worker.process.close()
            self.workers.remove(worker)

    def _idle(self) -> list[_Worker]:
        return [worker for worker in self.workers if not worker.process.busy]

    # Listening

    def _listen(self, busy: list[_Worker]) -> None:
        """Handles one message from each worker that has one; waits briefly for the first."""
        if not busy:
            time.sleep(self.POLL_SECONDS)
            return
        ready = wait([worker.process.connection for worker in busy], self.POLL_SECONDS)
        for worker in busy:
            if worker.process.connection in ready:
                self._handle(worker, worker.process.recv())

    def _handle(self, worker: _Worker, event: Event | None) -> None:
        if event is not None and worker.running is not None:
            more = self.dispatcher.handle(worker.running, event)
            if isinstance(event, Item) and isinstance(event.value, Epoch):
                worker.process.ack(more)
            if not more:
                worker.running = None
        self._release(worker)

    def _watch(self) -> None:
        """Kills workers that are past their limit."""
        for worker in self.workers:
            if worker.process.overdue:
                self._handle(worker, worker.process.give_up())
        late = self.dispatcher.overdue()
        for worker in self.workers:
            if worker.running in late:
                self._handle(worker, worker.process.expire())

    def _release(self, worker: _Worker) -> None:
        """Frees a trial's share of a GPU when its worker is idle."""
        if not worker.process.busy:
            self.dispatcher.release(worker.attempt)
