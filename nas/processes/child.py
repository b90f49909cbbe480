"""A process that answers one call at a time, from its parent's side; `serving` has its own.

The parent sends a function with its arguments. The child sends Started after its imports, and then
Returned or Raised. For a function that returns an iterator it sends an Item for each value, and the
parent answers each with whether to continue. So a trial stops exactly where its driver wants, and
a worker imports only once.
"""

import fcntl
import multiprocessing
import os
import pickle
import sys
import tempfile
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerContext, SpawnContext
from multiprocessing.process import BaseProcess
from types import ModuleType
from typing import Any

from nas.import_path import cwd_left_out
from nas.processes.exits import crash_log
from nas.processes.fork_server import FORK_SERVER, start_tracker
from nas.processes.messages import Message
from nas.processes.serving import Inherited, Settings, serve
from nas.processes.signals import stops_held

TAIL_BYTES = 64 * 2**10
_LOST = 255
"""The exit code that multiprocessing gives a fork whose server has died."""


class Child:
    """The parent's handle. Not thread-safe.

    The child is forked from a process that has imported torch, or spawned if it will use CUDA:
    CUDA does not survive a fork, and an import in the server may have started it. On Linux a
    spawned child dies with the *thread* that started it (prctl(2)), so that thread must live as
    long as the child is needed.
    """

    GONE_SECONDS = 10.0
    """How long to wait for a killed process. A process inside a driver call on a lost GPU lives
    until that call returns, perhaps for ever."""

    def __init__(self, visible_devices: str | None = None, *, cuda: bool = False) -> None:
        """`visible_devices`: the child's CUDA_VISIBLE_DEVICES; None to inherit this process's.
        `cuda`: whether the child will use CUDA; it does in any case if it gets devices."""
        self._forked = not (visible_devices or cuda) and FORK_SERVER.wait()
        self.connection, theirs = multiprocessing.Pipe()
        # The child's output goes to a file: prints would break the live display, and the last
        # output of a dying process (faulthandler's stack) belongs in the ledger. The file has no
        # name, so nothing stays behind after a kill; both processes append to it.
        self._log = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - as long as the process
        fcntl.fcntl(self._log, fcntl.F_SETFL, os.O_RDWR | os.O_APPEND)
        start_tracker()
        self._server = FORK_SERVER.pid
        self._lost: bool | None = None
        """Whether its server has died, so that its end is not known; None before it ended so."""
        if self._forked:
            started = False
            with suppress(OSError, EOFError):
                self._start(theirs, visible_devices, self._server)
                started = FORK_SERVER.pid == self._server and FORK_SERVER.running
            self._forked = started
        if not self._forked:  # or the server has died at this moment
            self._start(theirs, visible_devices, os.getpid())
        # If its owner forgets it, the interpreter kills it at exit instead of waiting for it.
        weakref.finalize(self, _kill, self._process)
        theirs.close()

    def _start(
        self, theirs: "Connection[Any, Any]", visible_devices: str | None, parent: int
    ) -> None:
        context = ForkServerContext() if self._forked else SpawnContext()
        with cwd_left_out():
            settings = Settings.of(parent, visible_devices)
        # Not a daemon: daemons may not have children, and a template's imports may start some.
        self._process: BaseProcess = context.Process(
            target=serve,
            args=(theirs, settings, Inherited(self._log.fileno())),
            name="nas-worker",
        )
        with (
            FORK_SERVER.environment() if self._forked else cwd_left_out(),
            stops_held(),
            _main_hidden(),
        ):
            self._process.start()

    def send(self, function: Callable[..., Any] | str, *args: Any) -> None:
        """Sends a call. A str is `module:name`, imported only in the child.

        Raises pickle's errors for arguments that cannot be sent. If the child is dead, the next
        `recv` returns None.
        """
        data = pickle.dumps((function, args))
        self._log.truncate(0)
        self._send(data)

    def ack(self, more: bool) -> None:
        """Answers an Item: True for the next one, False to end."""
        self._send(pickle.dumps(more))

    def recv(self) -> Message | None:
        """Waits for the next message; None if the process has died."""
        try:
            message: Message = self.connection.recv()
        except (EOFError, OSError, pickle.UnpicklingError):
            # A half-written message also means death: the rest will never come.
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
        """None while it lives, or if its end cannot be known; −n if signal n ended it."""
        code = self._process.exitcode
        if self._forked and code == _LOST and self._lost is None:
            self._lost = not FORK_SERVER.survives(self._server)
        return None if self._lost else code

    def tail(self) -> str:
        """The end of its output during this call, or the stack of its crash."""
        size = self._log.seek(0, os.SEEK_END)
        self._log.seek(max(0, size - TAIL_BYTES))
        return crash_log(self._log.read().decode(errors="replace"))

    def kill(self, *, after: float = 0.0) -> None:
        """Kills the process and waits for its end, at most GONE_SECONDS; does nothing if it is
        dead. The system kills a fork with its server, and nobody can wait for that.

        `after`: seconds to wait first for it to end by itself, so that it keeps its exit code.
        """
        self._process.join(after)
        _kill(self._process)
        self._process.join(self.GONE_SECONDS)
        if self._process.exitcode is None:
            # Nor must multiprocessing wait for it when this interpreter exits.
            multiprocessing.process._children.discard(self._process)  # type: ignore[attr-defined]

    def close(self) -> None:
        """Kills it and closes its pipe and file."""
        self.kill()
        self.connection.close()
        self._log.close()

    def _send(self, data: bytes) -> None:
        try:
            self.connection.send_bytes(data)
        except OSError:
            self.kill(after=5.0)


def _kill(process: BaseProcess) -> None:
    """Kills a process unless it has ended: somebody else's may have its id by now."""
    if process.exitcode is None:
        process.kill()


@contextmanager
def _main_hidden() -> Iterator[None]:
    """Hides the main module while a child is spawned. The child would run it again as `__mp_main__`
    to find definitions; none are needed, and in a Ray worker that module is all of Ray."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main
