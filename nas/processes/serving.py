"""A child process's own side: it takes its settings, then answers one call after another."""

import ctypes
import faulthandler
import os
import pickle
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing import reduction
from multiprocessing.connection import Connection
from pkgutil import resolve_name
from typing import Any

from nas.processes.fork_server import leave_fork_server
from nas.processes.messages import Item, Raised, Returned, Started
from nas.processes.signals import leave_stops_to_driver
from nas.schema import one_line

_PR_SET_PDEATHSIG = 1


class Inherited:
    """An open file's descriptor, passed to a process that is being spawned."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __getstate__(self) -> Any:
        return reduction.DupFd(self.number)

    def __setstate__(self, duplicate: Any) -> None:
        self.number = duplicate.detach()


def die_with_parent(parent: int) -> None:
    """Ends this process when `parent` ends, for whatever reason.

    On Linux the kernel does it, even inside a C call that never returns. Elsewhere a thread checks
    once a second.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, name="nas-parent-watch", daemon=True).start()


@dataclass(frozen=True, slots=True)
class Settings:
    """Settings of the parent for a child. A fork otherwise has those of the fork server's start.

    What a library read from the environment when it was imported stays as it was then.
    """

    parent: int
    """The process to end with: the one that forks or spawns."""
    environment: dict[str, str]

    @classmethod
    def of(cls, parent: int, visible_devices: str | None) -> "Settings":
        """This process's, with CUDA_VISIBLE_DEVICES."""
        environment = {"OMP_NUM_THREADS": "1", **os.environ}
        if visible_devices is not None:
            environment["CUDA_VISIBLE_DEVICES"] = visible_devices
        return cls(parent, environment)

    def take(self) -> None:
        """Applies them to this process."""
        die_with_parent(self.parent)
        leave_fork_server()
        os.environ.clear()
        os.environ.update(self.environment)
        tempfile.tempdir = None  # TMPDIR may name another folder than at the server's start


def serve(connection: "Connection[Any, Any]", settings: Settings, log: Inherited) -> None:
    """The child's main function."""
    leave_stops_to_driver()
    settings.take()
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
