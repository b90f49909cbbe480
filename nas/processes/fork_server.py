"""A process that has torch and timm imported, from which others are forked: the imports cost
seconds of CPU, a fork some milliseconds.

This is multiprocessing's fork server. It does nothing but import, so every fork starts clean. It is
used on Linux only: elsewhere a system's libraries may not survive a fork.
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

import psutil

from nas.import_path import cwd_left_out, importable
from nas.processes.scratch import Scratch
from nas.processes.signals import stops_held

IMPORTS = "nas.processes.fork_server_imports"
IMPORTING = "NAS_FORK_SERVER_IMPORTING"
"""Environment variable: a file that exists until the server's imports are done."""
LOOK_SECONDS = 0.02


class ForkServer:
    """The fork server of this process, which ends with it. Not thread-safe."""

    def __init__(self) -> None:
        self.root: Path | None = None
        """Folder for its files; None for the system's temporary folder."""
        self._owner = 0
        self._process: psutil.Process | None = None
        self._scratch: Scratch | None = None

    @property
    def pid(self) -> int:
        """The process id of the last one, dead or alive; 0 before the first."""
        return forkserver._forkserver._forkserver_pid or 0  # type: ignore[attr-defined]

    @property
    def running(self) -> bool:
        """Whether it runs; its imports may not be finished."""
        if self._process is None or self._owner != os.getpid():
            return False
        with suppress(psutil.NoSuchProcess):
            return self._process.is_running() and self._process.status() != psutil.STATUS_ZOMBIE
        return False

    def start(self) -> bool:
        """Starts it unless it runs, and returns at once. Returns False if this system has none."""
        if sys.platform != "linux":
            return False
        if not self.running:
            self._scratch = Scratch("imports", short=True, inside=self.root)
            self._importing.touch()
            with stops_held(), _environment(self._scratch.path):
                resource_tracker.ensure_running()  # in a block of its own: it unblocks signals
            with stops_held(), _environment(self._scratch.path):
                before = self.pid
                forkserver.set_forkserver_preload([IMPORTS])
                forkserver.ensure_running()
            if self.pid == before:  # somebody else's, which imports as it likes
                self._importing.unlink()
            self._owner = os.getpid()
            with suppress(psutil.NoSuchProcess):
                self._process = psutil.Process(self.pid)
        return True

    def wait(self) -> bool:
        """As `start`, and waits for the imports. Returns False also if the server has died. Stop
        signals are handled meanwhile."""
        if not self.start():
            return False
        while self.running and self._importing.exists():
            time.sleep(LOOK_SECONDS)
        return self.running

    @property
    def _importing(self) -> Path:
        assert self._scratch is not None
        return self._scratch.path / "importing"


FORK_SERVER = ForkServer()


def leave_fork_server() -> None:
    """In a process that a server forked: no longer keeps that server alive."""
    if forkserver.get_inherited_fds() is not None:
        os.close(forkserver._forkserver._forkserver_alive_fd)  # type: ignore[attr-defined]


@contextmanager
def _environment(folder: Path) -> Iterator[None]:
    """Settings for the start of the server: the import path of this process, and its socket in the
    folder, which is removed even if this process is killed."""
    with cwd_left_out():
        changes = {
            IMPORTING: str(folder / "importing"),
            "TORCHINDUCTOR_CACHE_DIR": tempfile.gettempdir(),  # or import torch makes a folder
            "OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"),
            "PYTHONPATH": os.pathsep.join(importable()),
        }
        before = {name: os.environ.get(name) for name in changes}
        settings = multiprocessing.current_process()._config  # type: ignore[attr-defined]
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
