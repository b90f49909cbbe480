"""A process that runs one trial after another on one device, from its owner's side.

If a trial leaves the process unusable, a fresh process replaces it and checks the GPU first. This
distinguishes a trial that broke its own process from a GPU that is broken.
"""

import time
from dataclasses import dataclass
from enum import Enum
from multiprocessing.connection import Connection
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from nas.execute.base import Executor
from nas.execute.growth import Growth
from nas.processes.child import Child
from nas.processes.exits import outcome_of_exit
from nas.processes.messages import Item, Raised, Returned, Started
from nas.schema import DEVICE, Outcome, Status, Trial
from nas.working_time import awake

CHECK_SECONDS = 120.0
"""Time limit of a GPU check, the start of its process included."""
CHECKS = 3
"""Number of checks without an answer before the GPU is given up: a machine without free memory
kills the checking process as well."""
PAUSE_SECONDS = 3.0
"""Pause before another check."""


@dataclass(frozen=True, slots=True)
class Died:
    """The process ended while its trial ran."""

    exitcode: int | None
    tail: str
    """The end of its output."""


@dataclass(frozen=True, slots=True)
class Late:
    """The process was killed after its time limit."""

    tail: str
    """The end of its output."""


Event = Started | Item | Returned | Raised | Died | Late
"""Events of a trial: Started, an Item for each epoch and for the outcome, or one of the others in
place of an outcome."""


class TrialPayload:
    """A trial, and the executor's settings that a worker needs."""

    def __init__(self, trial: Trial, settings: Executor, late: Path | None = None) -> None:
        self.trial = trial
        self.late = late
        """A file that a watchdog creates when the trial is past its limit, if it cannot signal the
        trial's owner in another way."""
        self.evaluate = settings.evaluate
        self.check = settings.CHECK
        self.grace = settings.GRACE
        self.growth_bytes = settings.growth_bytes

    # Ray Tune copies and prints everything in a config.

    def __deepcopy__(self, memo: dict[int, Any]) -> "TrialPayload":
        return self

    def __repr__(self) -> str:
        return f"attempt {self.trial.attempt}"


class _State(Enum):
    IDLE = "no trial"
    RUNNING = "a trial runs, until its outcome"
    TIDYING = "the trial's function has not returned yet"
    CHECKING = "a fresh process checks the GPU"


class TrialProcess:
    """Runs at most one trial at a time. Not thread-safe; see Child."""

    def __init__(self) -> None:
        self.device: str | None = None
        """CUDA_VISIBLE_DEVICES of its process, which cannot change once CUDA has started."""
        self._child: Child | None = None
        self._state = _State.IDLE
        self._payload: TrialPayload | None = None
        self._held: Event | None = None
        """An event that is withheld until the GPU has been checked."""
        self._checks = 0
        """Checks made since then."""
        self._again = False
        """Whether this trial has used its second attempt to start."""
        self._limit = 0.0
        self._growth = Growth()

    @property
    def busy(self) -> bool:
        """Whether an event may still follow."""
        return self._state is not _State.IDLE

    @property
    def connection(self) -> "Connection[Any, Any]":
        """A busy process's connection, readable when `recv` would not block."""
        assert self._child is not None
        return self._child.connection

    @property
    def overdue(self) -> bool:
        """Whether cleanup or a GPU check takes too long; then call `give_up`."""
        late = self._state in (_State.TIDYING, _State.CHECKING)
        return late and awake() >= self._limit

    def begin(self, payload: TrialPayload, device: str | None) -> None:
        """Starts a trial in a process that sees only this device; None for one without a GPU."""
        if self._child is not None and self.device != device:
            self.close()
        if self._child is None:
            self._child = Child(visible_devices=device)
        self.device, self._payload, self._again = device, payload, False
        self._run()

    def recv(self) -> Event | None:
        """Waits for the trial's next message; None if it is not an event for the owner."""
        assert self._child is not None
        message = self._child.recv()
        match self._state, message:
            case _State.CHECKING, _:
                return self._checked(message)
            case _State.TIDYING, _:
                if message is None:
                    self.close()
                elif not isinstance(message, Item):
                    self._rest()
                return None
            case _, Item(Outcome() as outcome):
                self.ack(False)
                return self._suspect(message) if outcome.needs_restart else message
            case _, None:
                return self._suspect(Died(self._child.exitcode, self._child.tail()))
            case _, Returned() | Raised():
                if self.device is not None:  # the state of the GPU is unknown
                    return self._suspect(message)
                self._state = _State.IDLE
        return message

    def ack(self, more: bool) -> None:
        """Answers an epoch: True for the next epoch, False to end the trial."""
        assert self._child is not None
        self._child.ack(more)
        if not more:
            assert self._payload is not None
            self._wait_for(_State.TIDYING, self._payload.grace)

    def expire(self) -> Event | None:
        """Kills a trial past its limit; returns as `recv`. Does nothing if the trial is over."""
        if self._state is not _State.RUNNING or self._child is None:
            return None
        return self._suspect(Late(self._child.tail()))

    def give_up(self) -> Event | None:
        """Kills an overdue cleanup or check; returns as `recv`."""
        if self._state is _State.CHECKING:
            return self._unanswered(_broken(f"no answer within {CHECK_SECONDS:g} s"))
        self.close()
        return None

    def close(self) -> None:
        """Ends the process, which frees its GPU memory; the next trial gets a new one."""
        if self._child is not None:
            self._child.close()
        self._child, self._state, self.device = None, _State.IDLE, None
        self._growth = Growth()

    def _rest(self) -> None:
        """Ends a trial; a process that has grown too much is closed."""
        assert self._child is not None
        assert self._payload is not None
        self._state = _State.IDLE
        if self._growth.after_trial(self._child.pid) > self._payload.growth_bytes:
            self.close()

    def _run(self) -> None:
        assert self._child is not None
        assert self._payload is not None
        self._state = _State.RUNNING
        self._child.send(self._payload.evaluate, self._payload.trial)

    def _wait_for(self, state: _State, seconds: float) -> None:
        self._state, self._limit = state, awake() + seconds

    def _suspect(self, event: Event) -> Event | None:
        """Handles an event after which the process is unusable. If it had a GPU, a fresh process
        checks that before the event is returned: a broken GPU is not the candidate's fault."""
        device = self.device
        self.close()
        if device is None:
            return event
        self._held, self._checks = event, 0
        self._check(device, pause=0.0)
        return None

    def _check(self, device: str, *, pause: float) -> None:
        assert self._payload is not None
        self.device, self._checks = device, self._checks + 1
        self._child = Child(visible_devices=device)
        self._child.send(check_gpu, self._payload.check, pause)
        self._wait_for(_State.CHECKING, pause + CHECK_SECONDS)

    def _unanswered(self, otherwise: Item) -> Event | None:
        """Repeats a GPU check without an answer; returns `otherwise` after CHECKS of them."""
        device = self.device
        assert device is not None
        self.close()
        if self._checks >= CHECKS:
            return otherwise
        self._check(device, pause=PAUSE_SECONDS)
        return None

    def _checked(self, answer: Any) -> Event | None:
        assert self._child is not None
        match answer:
            case Started():
                return None
            case Returned(""):
                self._state = _State.IDLE
            case Returned(problem):
                self.close()
                return _broken(problem)
            case Raised(problem, detail):
                return self._unanswered(_unreachable(problem, detail))
            case _:
                status, problem = outcome_of_exit(self._child.exitcode)
                describe = _broken if status is Status.CRASH else _unreachable
                return self._unanswered(describe(f"in its check, {problem}", self._child.tail()))
        held, self._held = self._held, None
        match held:
            case Item(Outcome(stage="start", needs_restart=True)) if not self._again:
                self._again = True  # the previous trial may be at fault
                self._run()
                return None
        return held


def check_gpu(check: str, pause: float) -> str:
    """Calls a check after `pause` seconds; its result. Runs in a fresh process."""
    time.sleep(pause)
    answer: str = resolve_name(check)()
    return answer


def _unreachable(problem: str, detail: str = "") -> Item:
    """The outcome if the machine is at fault: the trial and the GPU deserve another try."""
    return Item(
        Outcome(
            status=Status.KILLED,
            stage="start",
            message=f"the GPU could not be checked: {problem}",
            detail=detail,
        )
    )


def _broken(problem: str, detail: str = "") -> Item:
    return Item(
        Outcome(
            status=Status.CRASH,
            stage=DEVICE,
            message=f"the GPU does not work: {problem}",
            detail=detail,
        )
    )
