"""Temporary folders of a process, which go with it; where it was killed, when another clears up."""

import fcntl
import os
import shutil
import tempfile
import time
import weakref
from contextlib import suppress
from io import BufferedWriter
from pathlib import Path

PREFIX = "nas-"
KINDS = ("ray", "sandbox")
LOCK = "lock"
"""Held for as long as the process lives that made the folder."""
UNLOCKED = "unlocked"
"""Its name before it is held."""
STARTING_SECONDS = 3600.0
"""After so long, a folder without a lock is that of a process that was killed as it made it."""
PATH_LIMIT = 21
"""Longest temporary folder that Ray fits under: it makes UNIX sockets there whose paths are some
84 characters longer, and the limit is 107."""


class Scratch:
    """A new folder of one of KINDS. It goes with `remove`, with this object or with the process."""

    def __init__(self, kind: str, *, short: bool = False) -> None:
        """`short`: with a path that is short enough for sockets."""
        folder = short_root() if short else None
        self.path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{kind}-", dir=folder))
        lock = (self.path / UNLOCKED).open("wb")
        self._end = weakref.finalize(self, _remove, self.path, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        (self.path / UNLOCKED).rename(self.path / LOCK)

    def remove(self) -> None:
        """Removes the folder with all in it; calling it again does nothing."""
        self._end()


def clear_left_behind(folder: Path | None = None) -> None:
    """Removes the folders of processes that were killed: nobody holds their lock."""
    usual = {tempfile.gettempdir(), short_root() or tempfile.gettempdir()}
    folders = usual if folder is None else {folder}
    for path in (p for f in folders for kind in KINDS for p in Path(f).glob(f"{PREFIX}{kind}-*")):
        with suppress(OSError):
            if (path / LOCK).exists():
                with (path / LOCK).open("r+b") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(path, ignore_errors=True)
            elif time.time() - path.stat().st_mtime > STARTING_SECONDS:
                (path / UNLOCKED).unlink(missing_ok=True)
                path.rmdir()


def short_root() -> str | None:
    """A temporary folder with a short path; None for the system's own choice."""
    system = tempfile.gettempdir()
    if len(system) <= PATH_LIMIT or not os.access("/tmp", os.W_OK):
        return None
    return "/tmp"


def _remove(path: Path, lock: BufferedWriter) -> None:
    shutil.rmtree(path, ignore_errors=True)
    lock.close()
