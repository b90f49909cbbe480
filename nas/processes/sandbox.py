"""Function calls in a child process: a crash or a hang there becomes an answer here."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pkgutil import resolve_name
from types import TracebackType
from typing import Any, Generic, Self, TypeVar, cast

from nas.processes.child import Child
from nas.processes.exits import outcome_of_exit
from nas.processes.messages import Raised, Returned, Started
from nas.processes.scratch import Scratch
from nas.working_time import awake

T = TypeVar("T")
_EMPTY = "empty"


class Failure(Enum):
    """Why a call has no result."""

    RAISED = "raised"
    DIED = "died"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """The result of a call, or its failure."""

    _value: T | None = None
    failure: Failure | None = None
    problem: str = ""
    """One line; empty when ok."""
    detail: str = ""
    """The traceback, or the end of the process's output."""

    @property
    def ok(self) -> bool:
        """True where the function returned."""
        return self.failure is None

    @property
    def value(self) -> T:
        """The function's result; RuntimeError if the call failed."""
        if self.failure is not None:
            raise RuntimeError(self.problem)
        return cast(T, self._value)


class Sandbox:
    """One child process that answers calls in turn. It is made at the first call, and again after a
    death. It works in an empty folder of its own, which is removed with it.

    Use it as a context manager, in one thread; the child is killed at the end.
    """

    START_SECONDS = 300.0
    """How long a child may take to start and to import a function's module."""
    LOOK_SECONDS = 1.0

    def __init__(self, visible_devices: str | None = None, *, cuda: bool = False) -> None:
        """As of Child."""
        self.visible_devices = visible_devices
        self._cuda = cuda
        self._child: Child | None = None
        self._scratch: Scratch | None = None

    def call(
        self, function: Callable[..., T] | str, *args: Any, timeout: float = 300.0, **kwargs: Any
    ) -> Answer[T]:
        """Calls a function that its module defines, with arguments that pickle, in the child. A str
        is `module:name`, imported there alone.

        `timeout`, in seconds, counts from the end of the import of the function's module. Raises
        only if the function or its arguments cannot be sent.
        """
        if self._child is None:
            self._open()
        child, scratch = self._child, self._scratch
        call = _ByName(function) if isinstance(function, str) else function
        assert child is not None
        assert scratch is not None
        child.send(_call, str(scratch.path / _EMPTY), call, args, kwargs)
        until = awake() + self.START_SECONDS
        while awake() < until:
            if not child.connection.poll(min(self.LOOK_SECONDS, max(0.0, until - awake()))):
                continue  # not one long wait: it would count time in which both were stopped
            message = child.recv()
            if isinstance(message, Started):
                until = awake() + timeout
            elif isinstance(message, Returned):
                return Answer(message.value)
            elif isinstance(message, Raised):
                return Answer(None, Failure.RAISED, message.problem, message.detail)
            else:
                exitcode, detail = child.exitcode, child.tail()
                self.close()
                return Answer(None, Failure.DIED, outcome_of_exit(exitcode)[1], detail)
        detail = child.tail()
        self.close()
        return Answer(None, Failure.TIMEOUT, f"no answer after {timeout:g} s; killed", detail)

    def _open(self) -> None:
        """Starts the child."""
        self._scratch = Scratch("sandbox")
        (self._scratch.path / _EMPTY).mkdir()
        self._child = Child(self.visible_devices, cuda=self._cuda)

    def close(self) -> None:
        """Kills the child; the next call makes a new one."""
        if self._child is not None:
            self._child.close()
            self._child = None
        if self._scratch is not None:
            self._scratch.remove()
            self._scratch = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class _ByName:
    """Pickles as the function of that name: what unpickles it imports its module."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __reduce__(self) -> tuple[Callable[[str], Any], tuple[str]]:
        return resolve_name, (self._name,)


def _call(
    folder: str, function: Callable[..., T], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> T:
    os.chdir(folder)
    return function(*args, **kwargs)
