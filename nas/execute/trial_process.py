"""A process that runs one trial after another on one device, seen from the one that owns it.

A trial that leaves it unfit gets a fresh process behind it, and there the GPU is asked whether it
still works: so a trial that broke its own process is told from a GPU that is broken.
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
from nas.processes.child import Child, Item, Raised, Returned, Started
from nas.processes.exits import outcome_of_exit
from nas.schema import DEVICE, Outcome, Status, Trial
from nas.working_time import awake

CHECK_SECONDS = 120.0
"""How long a GPU may take to prove that it works, the start of a process included."""
CHECKS = 3
"""How often it is asked before what keeps it from answering counts: a machine that is out of memory
kills the process that asks, too."""
PAUSE_SECONDS = 3.0
"""Before it is asked again."""


@dataclass(frozen=True, slots=True)
class Died:
    """The process ended under its trial."""

    exitcode: int | None
    tail: str
    """The last of what it printed."""


@dataclass(frozen=True, slots=True)
class Late:
    """It was killed past its limit."""

    tail: str
    """The last of what it printed."""


Event = Started | Item | Returned | Raised | Died | Late
"""What a trial's owner is told: Started, an Item each for its epochs and its outcome, or in place
of an outcome one of the others."""


class TrialPayload:
    """A trial, and its executor's settings as far as they concern a worker."""

    def __init__(self, trial: Trial, settings: Executor, late: Path | None = None) -> None:
        self.trial = trial
        self.late = late
        """A file that is made when the trial is past its limit, where a watchdog has no other way
        to tell its owner."""
        self.evaluate = settings.evaluate
        self.check = settings.CHECK
        self.grace = settings.GRACE
        self.growth_bytes = settings.growth_bytes

    # Ray Tune copies and prints whatever it finds in a config.

    def __deepcopy__(self, memo: dict[int, Any]) -> "TrialPayload":
        return self

    def __repr__(self) -> str:
        return f"attempt {self.trial.attempt}"


class _State(Enum):
    IDLE = "no trial"
    RUNNING = "a trial, from its order to its outcome"
    TIDYING = "its function has still to return"
    CHECKING = "a fresh process asks the GPU whether it works"


class TrialProcess:
    """At most one trial at a time. Not for sharing between threads; see Child."""

    def __init__(self) -> None:
        self.device: str | None = None
        """CUDA_VISIBLE_DEVICES of its process: once CUDA has started there it cannot change."""
        self._child: Child | None = None
        self._state = _State.IDLE
        self._order: TrialPayload | None = None
        self._held: Event | None = None
        """What is not told before the GPU has been checked."""
        self._checks = 0
        """How often it has been asked since."""
        self._again = False
        """Whether this trial has had its second chance to start."""
        self._limit = 0.0
        self._growth = Growth()

    @property
    def busy(self) -> bool:
        """Whether it has something to say, sooner or later."""
        return self._state is not _State.IDLE

    @property
    def connection(self) -> "Connection[Any, Any]":
        """Readable when `hear` would not block; of a busy process."""
        assert self._child is not None
        return self._child.connection

    @property
    def overdue(self) -> bool:
        """Whether what it does beside trials takes too long; then `give_up`."""
        late = self._state in (_State.TIDYING, _State.CHECKING)
        return late and awake() >= self._limit

    def begin(self, order: TrialPayload, device: str | None) -> None:
        """Starts a trial in a process that sees this device alone; None for one without GPU."""
        if self._child is not None and self.device != device:
            self.close()
        if self._child is None:
            self._child = Child(visible_devices=device)
        self.device, self._order, self._again = device, order, False
        self._run()

    def recv(self) -> Event | None:
        """What its trial reports, waiting for it; None where there is nothing to tell."""
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
                if self.device is not None:  # it said nothing of what became of the GPU
                    return self._suspect(message)
                self._state = _State.IDLE
        return message

    def ack(self, more: bool) -> None:
        """Answers an epoch: the next one, or the trial's end."""
        assert self._child is not None
        self._child.ack(more)
        if not more:
            assert self._order is not None
            self._wait_for(_State.TIDYING, self._order.grace)

    def expire(self) -> Event | None:
        """Kills a trial past its limit; as `hear`. One that is over has nothing to lose."""
        if self._state is not _State.RUNNING or self._child is None:
            return None
        return self._suspect(Late(self._child.tail()))

    def give_up(self) -> Event | None:
        """Kills what is overdue; as `hear`."""
        if self._state is _State.CHECKING:
            return self._unanswered(_broken(f"no answer within {CHECK_SECONDS:g} s"))
        self.close()
        return None

    def close(self) -> None:
        """Ends the process and so gives back its GPU memory; the next trial gets a new one."""
        if self._child is not None:
            self._child.close()
        self._child, self._state, self.device = None, _State.IDLE, None
        self._growth = Growth()

    def _rest(self) -> None:
        """Its trial is over; the next gets a new process where this one has grown too much."""
        assert self._child is not None
        assert self._order is not None
        self._state = _State.IDLE
        if self._growth.after_trial(self._child.pid) > self._order.growth_bytes:
            self.close()

    def _run(self) -> None:
        assert self._child is not None
        assert self._order is not None
        self._state = _State.RUNNING
        self._child.send(self._order.evaluate, self._order.trial)

    def _wait_for(self, state: _State, seconds: float) -> None:
        self._state, self._limit = state, awake() + seconds

    def _suspect(self, event: Event) -> Event | None:
        """The process is unfit for another trial. If it had a GPU, that is asked before anyone is
        told, in a fresh process: the candidate is not to answer for it."""
        device = self.device
        self.close()
        if device is None:
            return event
        self._held, self._checks = event, 0
        self._check(device, pause=0.0)
        return None

    def _check(self, device: str, *, pause: float) -> None:
        assert self._order is not None
        self.device, self._checks = device, self._checks + 1
        self._child = Child(visible_devices=device)
        self._child.send(ask_gpu, self._order.check, pause)
        self._wait_for(_State.CHECKING, pause + CHECK_SECONDS)

    def _unanswered(self, otherwise: Item) -> Event | None:
        """Asks the GPU again; `otherwise` where that was done often enough."""
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
                return self._unanswered(describe(f"asking it, {problem}", self._child.tail()))
        held, self._held = self._held, None
        match held:
            case Item(Outcome(stage="start", needs_restart=True)) if not self._again:
                self._again = True  # the trial before it may have left a mess
                self._run()
                return None
        return held


def ask_gpu(check: str, pause: float) -> str:
    """What a check says, called in a fresh process after so many seconds."""
    time.sleep(pause)
    answer: str = resolve_name(check)()
    return answer


def _unreachable(problem: str, detail: str = "") -> Item:
    """The machine's fault: a trial is worth another try, and the GPU too."""
    return Item(
        Outcome(
            status=Status.KILLED,
            stage="start",
            message=f"its GPU could not be asked whether it works: {problem}",
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
