"""Temporary folders that are removed with their process, or later if the process was killed."""

import fcntl
import os
import shutil
import tempfile
import time
import weakref
from contextlib import suppress
from io import BufferedRandom, BufferedWriter
from pathlib import Path

PREFIX = "nas-"
KINDS = ("ray", "sandbox", "imports")
LOCK = "lock"
"""Lock file, locked as long as the process that made the folder lives."""
UNLOCKED = "unlocked"
"""The lock file's name before it is locked."""
STARTING_SECONDS = 3600.0
"""Age at which a folder without a lock is taken to come from a process killed while making it."""
PATH_LIMIT = 21
"""Longest temporary folder in which Ray works: its UNIX sockets add about 84 characters, and the
limit for their paths is 107."""


class Scratch:
    """A new folder of one of KINDS. `remove`, or the end of this object or process, removes it."""

    def __init__(self, kind: str, *, short: bool = False, inside: Path | None = None) -> None:
        """`short`: use a path that is short enough for sockets. `inside`: the folder to make it in;
        None for the system's temporary one."""
        folder = inside or (short_root() if short else None)
        self.path = Path(tempfile.mkdtemp(prefix=f"{PREFIX}{kind}-", dir=folder))
        lock = (self.path / UNLOCKED).open("wb")
        self._end = weakref.finalize(self, _remove, self.path, lock)
        fcntl.flock(lock, fcntl.LOCK_EX)
        (self.path / UNLOCKED).rename(self.path / LOCK)

    def remove(self) -> None:
        """Removes the folder with all in it; calling it again does nothing."""
        self._end()


def clear_left_behind(folder: Path | None = None) -> None:
    """Removes the folders of killed processes, recognised by their free lock."""
    usual = {tempfile.gettempdir(), short_root() or tempfile.gettempdir()}
    folders = usual if folder is None else {folder}
    for path in (p for f in folders for kind in KINDS for p in Path(f).glob(f"{PREFIX}{kind}-*")):
        with suppress(OSError):
            if (path / LOCK).exists():
                with (path / LOCK).open("r+b") as lock:
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    _remove(path, lock)
            elif time.time() - path.stat().st_mtime > STARTING_SECONDS:
                (path / UNLOCKED).unlink(missing_ok=True)
                path.rmdir()


def short_root() -> str | None:
    """A temporary folder with a short path; None if the system's default is short or /tmp fails."""
    system = tempfile.gettempdir()
    if len(system) <= PATH_LIMIT or not os.access("/tmp", os.W_OK):
        return None
    return "/tmp"


def _remove(path: Path, lock: BufferedWriter | BufferedRandom) -> None:
    """Removes a folder and unlocks its lock. The lock file goes last: if anything remains, because
    this process is killed or another one still writes there, a later run clears the folder."""
    with lock, suppress(OSError):
        for inside in path.iterdir():
            if inside.name in (LOCK, UNLOCKED):
                continue
            if inside.is_dir() and not inside.is_symlink():
                shutil.rmtree(inside, ignore_errors=True)
            else:
                inside.unlink(missing_ok=True)
        if {inside.name for inside in path.iterdir()} <= {LOCK, UNLOCKED}:
            shutil.rmtree(path)
