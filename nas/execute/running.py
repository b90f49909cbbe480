"""Trials under way, and the outcomes an executor writes for those that cannot write their own."""

import math
from dataclasses import dataclass

from nas.processes.exits import outcome_of_exit
from nas.schema import Epoch, Outcome, Status, Trial
from nas.working_time import awake


@dataclass
class Running:
    """A trial that an executor has taken from its driver and not yet reported."""

    trial: Trial
    given_at: float | None = None
    """`awake()` when a worker got it; None while it waits for a GPU."""
    started_at: float | None = None
    """`awake()` when the worker started it; None before."""
    pid: int | None = None
    """The process that runs it."""
    halted: float = 0.0
    """Seconds in which that process was stopped."""
    epochs: int = 0
    peak_memory_bytes: int = 0

    @property
    def attempt(self) -> int:
        """The attempt's number in the ledger."""
        return self.trial.attempt

    def note_given(self) -> None:
        """Notes that a worker got the trial."""
        self.given_at = awake()

    def note_started(self, pid: int | None = None) -> None:
        """Notes that its worker has started, in the process `pid`."""
        self.started_at, self.pid = awake(), pid

    def wait_again(self) -> None:
        """Resets the trial: its GPU did not work, and what it did there does not count."""
        self.given_at = self.started_at = self.pid = None
        self.halted = 0.0
        self.epochs = self.peak_memory_bytes = 0

    def note(self, epoch: Epoch) -> None:
        """Takes in an epoch that the worker reported."""
        self.epochs = epoch.epoch
        self.peak_memory_bytes = max(self.peak_memory_bytes, epoch.peak_memory_bytes)

    def deadline(self, start: float, grace: float) -> float:
        """When (`awake()`) its worker must be killed: `start` seconds after the worker got it or,
        once started, `grace` after its time limit. inf while it waits, or without a limit."""
        if self.given_at is None:
            return math.inf
        if self.started_at is None:
            return self.given_at + start
        if self.trial.time_limit is None:
            return math.inf
        return self.started_at + self.trial.time_limit + grace

    def extend_deadline(self, seconds: float) -> None:
        """Adds to its deadline the `seconds` in which the watchdog was inactive."""
        now = awake()
        if self.given_at is not None:
            self.given_at = min(now, self.given_at + seconds)
        if self.started_at is not None:
            self.started_at = min(now, self.started_at + seconds)

    def extend_for_pause(self, seconds: float, grace: float) -> bool:
        """Adds to its deadline the `seconds` in which its process was stopped. The process may have
        stopped itself, so at most its time limit plus `grace` is added. True if that limit is
        reached by this call."""
        most = (self.trial.time_limit or math.inf) + grace
        before, self.halted = self.halted, self.halted + seconds
        if self.halted <= most:
            self.extend_deadline(seconds)
        return before <= most < self.halted

    def ended(self, status: Status, message: str, detail: str = "") -> Outcome:
        """An outcome with what is known from outside: epochs, seconds, peak memory.

        Its stage is `worker` if a worker had started. Otherwise it is `start` for a failure, which
        is then not the candidate's fault.
        """
        stage = "worker" if self.started_at is not None else "start" if status.failed else ""
        since = self.given_at if self.started_at is None else self.started_at
        return Outcome(
            status=status,
            stage=stage,
            message=message,
            detail=detail,
            epochs=self.epochs,
            seconds=0.0 if since is None else awake() - since,
            peak_memory_bytes=self.peak_memory_bytes,
        )

    def timed_out(self) -> Outcome:
        """The outcome of a trial killed after its time limit."""
        return self.ended(
            Status.TIMEOUT,
            f"still busy after its time limit of {self.trial.time_limit:g} s; killed",
        )

    def unstarted(self, seconds: float) -> Outcome:
        """The outcome where no worker started within `seconds`."""
        return self.ended(Status.KILLED, f"the worker did not start within {seconds:g} s")

    def stopped(self) -> Outcome:
        """The outcome of a trial that waited for a GPU when the campaign was stopped."""
        return self.ended(Status.INTERRUPTED, "stopped before its first epoch")

    def interrupted(self) -> Outcome:
        """The outcome where a second signal ended the trial at once."""
        return self.ended(Status.INTERRUPTED, "killed at once on request")

    def missing_outcome(self) -> Outcome:
        """The outcome of a worker that ended without sending one."""
        return self.ended(Status.CRASH, "ended without an outcome")

    def raised(self, problem: str, detail: str) -> Outcome:
        """The outcome if the worker's function raised, which it should not; `problem` as from
        `one_line`."""
        return self.ended(Status.CRASH, problem, detail)

    def died(self, exitcode: int | None, detail: str = "") -> Outcome:
        """The outcome if the process ended; `exitcode` as for `outcome_of_exit`."""
        status, message = outcome_of_exit(exitcode)
        return self.ended(status if self.started_at is not None else Status.KILLED, message, detail)
