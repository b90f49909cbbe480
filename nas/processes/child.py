"""A spawned process that answers one call at a time: both its own side and its parent's.

The parent asks with a function and its arguments. The child says Started when it has imported
what it needs, then Returned or Raised; a function that returns an iterator is answered by an Item
each, and after each the parent says whether to go on. So a trial stops exactly where its driver
wants, and a worker's imports are paid once.
"""

import ctypes
import faulthandler
import fcntl
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
import threading
import time
import traceback
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import reduction, resource_tracker
from multiprocessing.connection import Connection
from pkgutil import resolve_name
from types import ModuleType
from typing import Any

from nas.import_path import cwd_left_out
from nas.processes.exits import crash_log
from nas.processes.signals import leave_stops_to_driver, stops_held
from nas.schema import one_line

TAIL_BYTES = 64 * 2**10
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Started:
    """The call has been understood and begins."""

    pid: int | None = None
    """The child's."""


@dataclass(frozen=True, slots=True)
class Item:
    """The iterator gave this; the child waits to be told whether to go on."""

    value: Any


@dataclass(frozen=True, slots=True)
class Returned:
    """The call is over; None for an iterator."""

    value: Any


@dataclass(frozen=True, slots=True)
class Raised:
    """The call is over, by an exception."""

    problem: str
    """`ValueError: what it says`."""
    detail: str
    """The traceback."""


Message = Started | Item | Returned | Raised


class Child:
    """The parent's handle. Not for sharing between threads.

    On Linux the child dies with the *thread* that made it (prctl(2)), so make it in one that
    lives as long as it is needed.
    """

    GONE_SECONDS = 10.0
    """How long a killed process is waited for. One inside a driver's call on a lost GPU stays till
    that returns, perhaps for ever."""

    def __init__(self, visible_devices: str | None = None) -> None:
        """`visible_devices`: its CUDA_VISIBLE_DEVICES; None for this process's own."""
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        # Its own output goes to a file: a candidate's prints would tear the live display, and
        # what a dying process says last (faulthandler's stack) belongs in the ledger.
        # A nameless one, so that nothing stays behind whoever is killed when; both append to it.
        self._log = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - as long as the process
        fcntl.fcntl(self._log, fcntl.F_SETFL, os.O_RDWR | os.O_APPEND)
        # Not a daemon: those may not have children, and what a template imports may start some.
        self._process = context.Process(
            target=_serve,
            args=(theirs, os.getpid(), _Inherited(self._log.fileno()), visible_devices),
            name="nas-worker",
        )
        with stops_held(), cwd_left_out():
            # First, for it lets them in again: multiprocessing's bookkeeper, if there is none yet.
            resource_tracker.ensure_running()
        with stops_held(), cwd_left_out(), _main_hidden():
            self._process.start()
        # If its owner forgets it, the interpreter ends it at exit instead of waiting for it.
        weakref.finalize(self, self._process.kill)
        theirs.close()

    def send(self, function: Callable[..., Any] | str, *args: Any) -> None:
        """Sends a call. A str is `module:name`, imported in the child alone.

        Raises what pickle raises for arguments that cannot travel; a dead child is found out by
        the next `hear`.
        """
        data = pickle.dumps((function, args))
        self._log.truncate(0)
        self._send(data)

    def ack(self, more: bool) -> None:
        """Answers an Item: the next one, or an end."""
        self._send(pickle.dumps(more))

    def recv(self) -> Message | None:
        """The next message, waiting for it; None when the process has died."""
        try:
            message: Message = self.connection.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            # A half-written message is a death too: the rest of it will never come.
            self.kill(after=5.0)
            return None
        return message

    @property
    def pid(self) -> int:
        """The process's id."""
        assert self._process.pid is not None  # it was started
        return self._process.pid

    @property
    def exitcode(self) -> int | None:
        """None while it lives, −n if signal n ended it."""
        return self._process.exitcode

    def tail(self) -> str:
        """The last of what it printed during this call, or the stack it died with."""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - TAIL_BYTES))
        return crash_log(self._log.read().decode(errors="replace"))

    def kill(self, *, after: float = 0.0) -> None:
        """Ends the process and waits until it is gone, or GONE_SECONDS; a dead one is left as it
        is.

        `after` gives it that many seconds to be gone by itself, so that it keeps its exit code.
        """
        self._process.join(after)
        if self._process.exitcode is None:
            self._process.kill()
        self._process.join(self.GONE_SECONDS)
        if self._process.exitcode is None:
            # Nor is it waited for when this interpreter ends, as multiprocessing does.
            multiprocessing.process._children.discard(self._process)  # type: ignore[attr-defined]

    def close(self) -> None:
        """Kills it and gives back its pipe and file."""
        self.kill()
        self.connection.close()
        self._log.close()

    def _send(self, data: bytes) -> None:
        try:
            self.connection.send_bytes(data)
        except OSError:
            self.kill(after=5.0)


@contextmanager
def _main_hidden() -> Iterator[None]:
    """A spawned child runs its parent's main module again, as `__mp_main__`, to find what was
    defined there. Nothing here is, and the main module of a Ray worker is all of Ray."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


class _Inherited:
    """The number of an open file, given to a process that is being spawned."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __getstate__(self) -> Any:
        return reduction.DupFd(self.number)

    def __setstate__(self, duplicate: Any) -> None:
        self.number = duplicate.detach()


def die_with_parent(parent: int) -> None:
    """Ends this process when `parent` ends, however it ends.

    On Linux the kernel sees to it, even inside a C call that never returns. Elsewhere a thread
    looks once a second.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, name="nas-parent-watch", daemon=True).start()


def _serve(
    connection: "Connection[Any, Any]", parent: int, log: "_Inherited", visible_devices: str | None
) -> None:
    """The child's whole life."""
    leave_stops_to_driver()
    die_with_parent(parent)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is imported
    if visible_devices is not None:
        os.environ["CUDA_VISIBLE_DEVICES"] = visible_devices  # before CUDA starts
    os.dup2(log.number, 1)
    os.dup2(log.number, 2)
    os.close(log.number)
    faulthandler.enable(file=2, all_threads=False)
    while True:
        try:
            data = connection.recv_bytes()
        except EOFError:
            return
        _answer(connection, data)


def _answer(connection: "Connection[Any, Any]", data: bytes) -> None:
    try:
        function, args = pickle.loads(data)
        call = resolve_name(function) if isinstance(function, str) else function
        connection.send(Started(os.getpid()))
        value = call(*args)
        if isinstance(value, Iterator):
            _stream(connection, value)
            value = None
        connection.send(Returned(value))
    except BaseException as error:  # SystemExit too: a candidate's exit() must not end the worker
        connection.send(Raised(one_line(error), traceback.format_exc()))


def _stream(connection: "Connection[Any, Any]", items: Iterator[Any]) -> None:
    try:
        for item in items:
            connection.send(Item(item))
            if not connection.recv():
                return
    finally:
        if hasattr(items, "close"):
            items.close()
