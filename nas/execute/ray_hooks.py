"""The driver's side of Ray: Tune's searcher, scheduler and callback, all speaking to one desk.

Tune asks the searcher for trials, tells the scheduler of epochs, and tells the callback of all
else. None of them decides anything: they pass it on to the campaign's driver.
"""

import signal
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

from nas.execute.base import Attention, Driver, Executor, Idle, Ticker
from nas.execute.ray_worker import Parcel
from nas.execute.running import CRASHES, Running, last_words
from nas.spec import Epoch, Outcome, Status, Trial

T = TypeVar("T")
U = TypeVar("U")


class Halt(Exception):  # noqa: N818
    """Ends Tune's loop at once: the driver aborts, or has raised."""


@dataclass
class Slip:
    """A trial that Tune has."""

    running: Running
    last_words: Path
    actor: Any = None
    shot: bool = False
    """Killed by the watchdog."""


class Desk:
    """What the hooks share during one `tune.run`.

    What the driver raises is kept in `error` and ends the loop: passed through Tune it would come
    out as a TuneError with a text.
    """

    POLL_SECONDS = 0.05

    def __init__(self, driver: Driver, settings: Executor, folder: Path, trials: int) -> None:
        self.driver = driver
        self.settings = settings
        self.folder = folder
        self.slips: dict[str, Slip] = {}
        """By Tune's own trial id; gone when reported, or stopped."""
        self.left = trials
        """How many more trials this `tune.run` takes."""
        self.over = False
        """The driver is DONE."""
        self.error: Exception | None = None
        self._ticker = Ticker(driver)
        self._attention = Attention()

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        """The searcher's answer: a config, None for `ask again`, or FINISHED."""
        while self.left and not (self.over or self.error or self.driver.abort):
            given = self._ask(self.driver.next, Idle.DONE)
            if isinstance(given, Trial):
                self.left -= 1
                words = self.folder / f"attempt-{given.attempt}"
                self.slips[trial_id] = Slip(Running(given), words)
                return {"parcel": Parcel(given, self.settings.evaluate, words)}
            if given is Idle.DONE:
                self.over = True
            elif self.slips:
                return None  # Tune has other things to look after, and asks again within 0.1 s
            else:
                self._ask(self._ticker.beat, None)
                time.sleep(self.POLL_SECONDS)
        finished: str = Searcher.FINISHED
        return finished

    def started(self, trial_id: str, actor: Any) -> None:
        slip = self.slips[trial_id]
        slip.actor = actor
        slip.running.begin()
        self._ask(lambda: self.driver.started(slip.running.attempt), None)

    def epoch(self, trial_id: str, epoch: Epoch) -> bool:
        running = self.slips[trial_id].running
        running.note(epoch)
        more = self._ask(lambda: self.driver.epoch(running.attempt, epoch), False)
        if not more:
            del self.slips[trial_id]
        return more

    def done(self, trial_id: str, outcome: Outcome) -> None:
        attempt = self.slips.pop(trial_id).running.attempt
        self._ask(lambda: self.driver.done(attempt, outcome), None)

    def raised(self, trial_id: str, problem: str, detail: str) -> None:
        """The trial's function raised or gave no outcome; its actor goes on."""
        self.done(trial_id, self.slips[trial_id].running.raised(problem, detail))

    def failed(self, trial_id: str, error_file: str | None) -> None:
        """The actor died, or could not start."""
        slip = self.slips.get(trial_id)
        if slip is not None:
            self.done(trial_id, autopsy(slip, error_file))

    def step(self) -> None:
        """Between Tune's steps, some ten times a second: display, watchdog, abort."""
        self._ask(self._ticker.beat, None)
        away, now = self._attention.away(), time.monotonic()
        for slip in self.slips.values():
            slip.running.pardon(away)
            if now >= slip.running.deadline(self.settings.GRACE) and not slip.shot:
                slip.shot = True
                ray.kill(slip.actor)
        if self.driver.abort or self.error:
            self._abandon()
            raise Halt

    def close(self) -> None:
        """After the loop: reports what Tune has dropped, as it does on SIGUSR1."""
        for trial_id in list(self.slips):
            running = self.slips[trial_id].running
            self.done(trial_id, running.ended(Status.KILLED, "Ray Tune ended under it"))

    def _abandon(self) -> None:
        for slip in self.slips.values():
            if slip.actor is not None:
                ray.kill(slip.actor)
        lost = [slip.running for slip in self.slips.values()]
        self.slips.clear()
        for running in lost:
            self._ask(partial(self.driver.done, running.attempt, running.interrupted()), None)

    def _ask(self, call: Callable[[], T], otherwise: U) -> T | U:
        if self.error is not None:
            return otherwise
        try:
            return call()
        except Exception as error:
            self.error = error
            return otherwise


def autopsy(slip: Slip, error_file: str | None) -> Outcome:
    """The outcome of a trial whose actor failed, from the worker's last words and Ray's error."""
    running = slip.running
    if slip.shot:
        return running.timed_out()
    left = slip.last_words.with_suffix(".outcome")
    if left.exists():
        return Outcome.model_validate_json(left.read_bytes())
    words = slip.last_words.read_text("utf-8", "replace") if slip.last_words.exists() else ""
    number = fatal_signal(words)
    if number is not None:
        return running.died(-number, last_words(words))
    error = _read_error(error_file)
    text = str(error).strip()
    if isinstance(error, OutOfMemoryError):
        return running.ended(Status.OOM, "Ray killed it: the machine is out of memory", text)
    if running.begun is None and "creation task" in text:
        return running.raised(f"its worker could not start: {text.splitlines()[-1]}", text)
    return running.ended(Status.KILLED, "its process was killed, perhaps for want of memory", text)


def fatal_signal(words: str) -> signal.Signals | None:
    """The signal faulthandler wrote about. It names them as strsignal(3) does, but for a hyphen
    in newer Pythons."""
    said = words.lower().replace("-", " ")
    for number in CRASHES:
        if said.startswith(f"fatal python error: {signal.strsignal(number)}".lower()):
            return number
    return None


def _read_error(path: str | None) -> Exception | None:
    # `Trial.get_pickled_error` looks in the storage, where the file is not yet.
    if path is None or not Path(path).exists():
        return None
    error: Exception = cloudpickle.loads(Path(path).read_bytes())
    return error


class DriverSearcher(Searcher):  # type: ignore[misc]
    """Draws from the campaign's driver."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk

    def suggest(self, trial_id: str) -> dict[str, Any] | str | None:
        return self._desk.suggest(trial_id)

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing: the callback tells the driver."""

    def save_to_dir(self, checkpoint_dir: str, session_str: str = "default") -> None:
        """Nothing: the ledger is the only truth."""


class DriverScheduler(FIFOScheduler):  # type: ignore[misc]
    """Stops a trial when the driver says so."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk

    def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
        epoch = Epoch.model_validate_json(result["epoch"])
        more = self._desk.epoch(trial.trial_id, epoch)
        decision: str = self.CONTINUE if more else self.STOP
        return decision


class DriverCallback(Callback):  # type: ignore[misc]
    """Starts, ends, deaths, and the time between."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def on_trial_start(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._desk.started(trial.trial_id, trial.temporary_state.ray_actor)

    def on_trial_result(
        self, iteration: int, trials: list[Any], trial: Any, result: dict[str, Any], **info: Any
    ) -> None:
        if "outcome" in result:
            self._desk.done(trial.trial_id, Outcome.model_validate_json(result["outcome"]))
        elif "raised" in result:
            self._desk.raised(trial.trial_id, *result["raised"])

    def on_trial_error(self, iteration: int, trials: list[Any], trial: Any, **info: Any) -> None:
        self._desk.failed(trial.trial_id, trial.pickled_error_file)

    def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
        self._desk.step()
