"""Ray's driver side: Tune's searcher, scheduler and callback, which share one TuneBridge.

Tune gets trials from the searcher, passes their events to the scheduler, and everything else to
the callback. None of them decides anything: the dispatcher does.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import ray
from ray import cloudpickle
from ray.exceptions import OutOfMemoryError
from ray.tune import Callback
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from nas.execute.dispatch import Dispatcher
from nas.execute.placing import sixteenths
from nas.execute.running import Running
from nas.execute.trial_process import CHECK_SECONDS, CHECKS, Event, TrialPayload
from nas.processes.messages import Item
from nas.schema import Epoch, Outcome, Status
from nas.working_time import awake

T = TypeVar("T")
U = TypeVar("U")


class Halt(Exception):  # noqa: N818
    """Ends Tune's loop at once: the driver aborts, or has raised an exception."""


@dataclass
class ActiveTrial:
    """A trial that was passed to Tune."""

    running: Running
    actor: Any = None
    granted: bool = False
    """Whether `gpu` is decided; the actor may not have started yet."""
    gpu: int | None = None
    sent: bool = False
    """Whether the grant was sent to the actor."""
    marked: float | None = None
    """When (`awake()`) its actor was informed that the trial is past its limit."""
    killed: bool = False
    """Whether the watchdog killed its actor."""


class TuneBridge:
    """State shared by the three hooks during one `tune.run`.

    An exception of the driver is kept in `error` and ends the loop: Tune would turn it into a
    TuneError with only its text.
    """

    POLL_SECONDS = 0.05
    UNRESPONSIVE_SECONDS = (CHECKS + 1) * CHECK_SECONDS
    """How long an actor may take to end a trial past its limit and check its GPU."""

    def __init__(self, dispatcher: Dispatcher, limit: int, folder: Path) -> None:
        """`folder`: for marker files, the only messages an actor receives during a step."""
        self.dispatcher = dispatcher
        self._folder = folder
        self.settings = dispatcher.settings
        self.active: dict[str, ActiveTrial] = {}
        """By Tune's trial id; removed when reported or stopped."""
        self.left = limit
        """Number of trials that this `tune.run` may still take."""
        self.error: Exception | None = None
        self._processes: dict[Any, tuple[int, int]] = {}
        """(GPU, sixteenths it may use) of each actor with a process on a GPU."""
        self._resting: dict[Any, int] = {}
        """Pending `rest` calls of actors with a stopped trial → its attempt, which has its GPU
        until then."""

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The searcher's answer: a config, None for "ask again", or FINISHED."""
        dispatcher = self.dispatcher
        while self.left and not (dispatcher.over or self.error or dispatcher.driver.abort):
            running = self._call(dispatcher.take, None) if dispatcher.wants(self._free()) else None
            if running is not None:
                self.left -= 1
                self.active[trial_id] = ActiveTrial(running)
                self._grant()
                mark = self._mark(running)
                return {"payload": TrialPayload(running.trial, self.settings, late=mark)}
            if self.active:
                return None  # Tune does other work and asks again within 0.1 s
            self._call(dispatcher.tick, None)
            self._let_rest()
            time.sleep(self.POLL_SECONDS)
        finished: str = Searcher.FINISHED
        return finished

    def started(self, trial_id: str, actor: Any) -> None:
        """An actor has started for a trial, which may have to wait."""
        active = self.active[trial_id]
        active.actor = actor
        self._send(active)

    def handle(self, trial_id: str, event: Event | None) -> bool:
        """Handles an event of a trial's worker, None for no event. False if Tune must end the
        trial."""
        active = self.active[trial_id]
        attempt, taken = active.running.attempt, self.dispatcher.taken
        if event is not None:
            if self._call(lambda: self.dispatcher.handle(active.running, event), False):
                return True
            if isinstance(event, Item) and isinstance(event.value, Epoch):
                self._resting[active.actor.rest.remote()] = attempt
            else:
                self.dispatcher.release(attempt)
            active.granted = active.sent = False
        more = attempt in taken  # it waits for a GPU, perhaps for another one
        if not more:
            del self.active[trial_id]
        if event is not None:
            self._grant()
        return more

    def failed(self, trial_id: str, error_file: str | None) -> None:
        """Handles an actor that died or could not start."""
        active = self.active.pop(trial_id, None)
        if active is None:
            return
        self._processes.pop(active.actor, None)
        if active.running.attempt not in self.dispatcher.taken:
            return
        if active.killed:
            self._call(lambda: self.dispatcher.expire(active.running), None)
        else:
            outcome = outcome_from_crash(active.running, error_file)
            self._call(lambda: self.dispatcher.end(active.running, outcome), None)
        self.dispatcher.release(active.running.attempt)
        self._grant()

    def step(self) -> None:
        """Runs between Tune's steps, about ten times a second: display, watchdog, abort."""
        self._call(self.dispatcher.tick, None)
        self._let_rest()
        self._grant()
        late = self.dispatcher.overdue()
        for active in self.active.values():
            if active.running not in late:
                continue
            if active.marked is None:
                active.marked = awake()
                self._mark(active.running).touch()
            elif awake() > active.marked + self.UNRESPONSIVE_SECONDS and not active.killed:
                active.killed = True
                ray.kill(active.actor)
        if self.dispatcher.driver.abort or self.error:
            self._abandon()
            raise Halt

    def _let_rest(self) -> None:
        """Frees the GPUs of actors that have cleaned up."""
        rested, _ = ray.wait(list(self._resting), timeout=0) if self._resting else ([], [])
        for answer in rested:
            self.dispatcher.release(self._resting.pop(answer))

    def close(self) -> None:
        """Reports, after the loop, the trials that Tune has dropped, as it does on SIGUSR1."""
        for attempt in self._resting.values():
            self.dispatcher.release(attempt)
        for active in self.active.values():
            running = active.running
            if running.attempt in self.dispatcher.taken:
                dropped = running.ended(Status.INTERRUPTED, "Ray Tune ended while it ran")
                self._call(partial(self.dispatcher.end, running, dropped), None)
                self.dispatcher.release(running.attempt)

    def _grant(self) -> None:
        """Starts the trials for which there is room now."""
        by_attempt = {active.running.attempt: active for active in self.active.values()}
        for running, gpu in self._call(lambda: self.dispatcher.grant(self._free()), []):
            active = by_attempt[running.attempt]
            active.granted, active.gpu = True, gpu
            self._send(active)

    def _free(self) -> int:
        """Number of further trials that may run beside those that run or are cleaned up."""
        running = sum(active.granted for active in self.active.values())
        return self.settings.workers - running - len(self._resting)

    def _send(self, active: ActiveTrial) -> None:
        if not active.granted or active.actor is None:
            return
        active.sent = True
        if active.gpu is not None:
            share = sixteenths(active.running.trial.memory_fraction)
            self._processes[active.actor] = active.gpu, share
            self._make_room(active.gpu)
        active.running.note_given()
        active.marked = None
        self._mark(active.running).unlink(missing_ok=True)
        active.actor.grant.remote(active.running.attempt, self.dispatcher.visible(active.gpu))

    def _mark(self, running: Running) -> Path:
        """The marker file that informs a trial's actor that the trial is past its limit."""
        return self._folder / f"late-{running.attempt}"

    def _make_room(self, gpu: int) -> None:
        """Dismisses processes without a trial that do not fit beside the trials on a GPU."""
        busy = {active.actor for active in self.active.values() if active.sent}
        idle = {
            actor: share
            for actor, (on, share) in self._processes.items()
            if on == gpu and actor not in busy
        }
        leaving = self.dispatcher.placing.crowd(gpu, idle)
        answers = [actor.dismiss.remote() for actor in leaving]
        if answers:
            ray.wait(answers, num_returns=len(answers), timeout=self.settings.GRACE)
        for actor in leaving:
            del self._processes[actor]

    def _abandon(self) -> None:
        for active in self.active.values():
            if active.actor is not None:
                ray.kill(active.actor)
        self.active.clear()
        self._call(self.dispatcher.abort, None)

    def _call(self, call: Callable[[], T], default: U) -> T | U:
        if self.error is not None:
            return default
        try:
            return call()
        except Exception as error:
            self.error = error
            return default


def outcome_from_crash(running: Running, error_file: str | None) -> Outcome:
    """The outcome of a trial whose actor died, from Ray's error. The death of the trial's own
    process leaves its actor alive."""
    error = _read_error(error_file)
    text = str(error).strip()
    if isinstance(error, OutOfMemoryError):
        return running.ended(Status.OOM, "Ray killed it: the machine is out of memory", text)
    if running.started_at is None and "creation task" in text:
        return running.raised(f"the worker could not start: {text.splitlines()[-1]}", text)
    return running.ended(Status.KILLED, "the worker was killed, perhaps for want of memory", text)


def _read_error(path: str | None) -> Exception | None:
    # `Trial.get_pickled_error` looks in the storage, which does not have the file yet.
    if path is None or not Path(path).exists():
        return None
    error: Exception = cloudpickle.loads(Path(path).read_bytes())
    return error


class DriverSearcher(Searcher):  # type: ignore[misc]
    """Gets trials from the campaign's driver."""

    def __init__(self, bridge: TuneBridge) -> None:
        super().__init__()
        self._bridge = bridge

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        return self._bridge.suggest(trial_id)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Does nothing: the callback informs the driver."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Does nothing: the ledger is the only state."""


class DriverScheduler(FIFOScheduler):  # type: ignore[misc]
    """Passes events to the bridge, and ends trials that are over."""

    def __init__(self, bridge: TuneBridge) -> None:
        super().__init__()
        self._bridge = bridge

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        more = self._bridge.handle(trial.trial_id, result.get("event"))
        decision: str = self.CONTINUE if more else self.STOP
        return decision


class DriverCallback(Callback):  # type: ignore[misc]
    """Passes starts, deaths and the end of each step to the bridge."""

    def __init__(self, bridge: TuneBridge) -> None:
        self._bridge = bridge

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._bridge.started(trial.trial_id, trial.temporary_state.ray_actor)

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._bridge.failed(trial.trial_id, trial.pickled_error_file)

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self._bridge.step()
