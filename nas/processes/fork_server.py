"""A process that has torch and timm imported, from which others are forked: the imports cost
seconds of CPU, a fork some milliseconds.

This is multiprocessing's fork server. It does nothing but import, so every fork starts clean. It is
used on Linux only: elsewhere a system's libraries may not survive a fork. Where it cannot start,
children are spawned.
"""

import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import forkserver, resource_tracker
from pathlib import Path
from typing import Any

import psutil

from nas.import_path import cwd_left_out, importable
from nas.processes.scratch import Scratch
from nas.processes.signals import stops_held

IMPORTS = "nas.processes.fork_server_imports"
IMPORTING = "NAS_FORK_SERVER_IMPORTING"
"""Environment variable: a file that exists until the server's imports are done."""
LOOK_SECONDS = 0.02
END_SECONDS = 1.0
"""How long after its pipes a dying server may still be seen alive."""


class ForkServer:
    """The fork server of this process, which ends with it. Not thread-safe."""

    IMPORT_SECONDS = 30.0
    """How long `wait` waits for the imports, from the start: the caller's heartbeat stops
    meanwhile."""

    def __init__(self) -> None:
        self.root: Path | None = None
        """Folder for its files; None for the system's temporary folder."""
        self._owner = 0
        self._process: psutil.Process | None = None
        self._scratch: Scratch | None = None
        self._until = 0.0

    @property
    def pid(self) -> int:
        """The process id of the last one, dead or alive; 0 before the first."""
        return getattr(_multiprocessings(), "_forkserver_pid", None) or 0

    @property
    def running(self) -> bool:
        """Whether it runs; its imports may not be finished."""
        if self._process is None or self._owner != os.getpid():
            return False
        with suppress(psutil.NoSuchProcess):
            return self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE
        return False

    def start(self) -> bool:
        """Starts it unless it runs, and returns at once. Returns False if it cannot run here."""
        if sys.platform != "linux" or not hasattr(_multiprocessings(), "_forkserver_alive_fd"):
            return False
        if self.running:
            return True
        replaced = self._owner == os.getpid() and self._process and self.pid != self._process.pid
        if not replaced:  # by multiprocessing, in `environment`
            try:
                self._launch()
            except OSError:  # no room for its socket, or a fork of a process that has one
                self._process = self._scratch = None
                return False
        self._owner, self._until = os.getpid(), time.monotonic() + self.IMPORT_SECONDS
        with suppress(psutil.NoSuchProcess):
            self._process = psutil.Process(self.pid)
        return True

    def _launch(self) -> None:
        self._process = None
        self._scratch = Scratch("imports", short=True, inside=self.root)
        self._importing.touch()
        before = self.pid
        start_tracker()
        with self.environment():
            forkserver.ensure_running()
        if self.pid == before:  # somebody else's, which imports as it likes
            self._importing.unlink()

    def wait(self) -> bool:
        """As `start`, and waits for the imports. Returns False also if they take too long, or if
        the server has died. Stop signals are handled meanwhile."""
        if not self.start():
            return False
        while self.running and self._importing.exists():
            if time.monotonic() > self._until:
                return False
            time.sleep(LOOK_SECONDS)
        return self.running

    def survives(self, pid: int) -> bool:
        """Whether the server with this process id goes on, though a fork's pipe was closed."""
        until = time.monotonic() + END_SECONDS
        while self.pid == pid and self.running:
            if time.monotonic() > until:
                return True
            time.sleep(LOOK_SECONDS)
        return False

    @contextmanager
    def environment(self) -> Iterator[None]:
        """Settings in which multiprocessing may start a server, also in place of one that has died:
        what it imports, the import path of this process, and its socket in the scratch folder."""
        assert self._scratch is not None
        folder = self._scratch.path
        forkserver.set_forkserver_preload([IMPORTS])
        with stops_held(), cwd_left_out():
            changes = {
                IMPORTING: str(self._importing),
                "TORCHINDUCTOR_CACHE_DIR": tempfile.gettempdir(),  # or import torch makes a folder
                "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
                "PYTHONPATH": os.pathsep.join(importable()),
            }
            before = {name: os.environ.get(name) for name in changes}
            settings = getattr(multiprocessing.current_process(), "_config", {})
            folder_before = settings.get("tempdir")
            os.environ.update(changes)
            settings["tempdir"] = str(folder)
            try:
                yield
            finally:
                settings["tempdir"] = folder_before
                for name, value in before.items():
                    if value is None:
                        del os.environ[name]
                    else:
                        os.environ[name] = value

    @property
    def _importing(self) -> Path:
        assert self._scratch is not None
        return self._scratch.path / "importing"


FORK_SERVER = ForkServer()


def leave_fork_server() -> None:
    """In a process that a server forked: no longer keeps that server alive."""
    if forkserver.get_inherited_fds() is not None:
        os.close(_multiprocessings()._forkserver_alive_fd)


def start_tracker() -> None:
    """Starts multiprocessing's resource tracker, if it does not run. Processes are started with
    stop signals held, and starting the tracker as a part of that would let them through."""
    with stops_held(), cwd_left_out():
        resource_tracker.ensure_running()


def _multiprocessings() -> Any:
    """multiprocessing's own object, whose attributes have no public names."""
    return getattr(forkserver, "_forkserver", None)
