"""Keeps the working directory out of Python's module search path.

A user who runs `nas` in a folder does not ask for that folder's Python files to run, and a
`signal.py` there must not break anything. Python itself puts the working directory first for `-m`
and `-c`, which is how child processes are started.
"""

import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_HOMES = {str(Path(place).resolve()) for place in sysconfig.get_paths().values()}
_HOMES.add(str(Path(__file__).resolve().parent.parent))
"""Folders that stay importable even as the working directory: Python's own and that of nas."""


def importable() -> list[str]:
    """`sys.path` without the working directory, under whatever name it appears there."""
    return _elsewhere(sys.path)


def leave_cwd_out() -> None:
    """Applies to this process from now on, and to every process that it starts."""
    os.environ.update(_settings())
    sys.path[:] = importable()


@contextmanager
def cwd_left_out() -> Iterator[None]:
    """Applies to one child process: use it around the start of that process."""
    path, settings = sys.path[:], _settings()
    before = {name: os.environ.get(name) for name in settings}
    leave_cwd_out()
    try:
        yield
    finally:
        sys.path[:] = path
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value


def _settings() -> dict[str, str]:
    """Environment variables with the same effect in another Python process."""
    known = os.environ.get("PYTHONPATH", "")
    path = _elsewhere(known.split(os.pathsep)) if known else []
    return {"PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(path)}


def _elsewhere(entries: Iterable[str]) -> list[str]:
    here = str(Path.cwd().resolve())
    if here in _HOMES:
        return [entry or here for entry in entries]
    return [entry for entry in entries if str(Path(entry).resolve()) != here]
