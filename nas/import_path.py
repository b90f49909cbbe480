"""Where Python looks for modules: never in the working directory.

Whoever types `nas` in a folder asks for none of its Python files to run, and a `signal.py` there is
no reason to fail. Python itself puts the working directory first for `-m` and `-c`, which is how
child processes are started.
"""

import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

_HOMES = {str(Path(place).resolve()) for place in sysconfig.get_paths().values()}
_HOMES.add(str(Path(__file__).resolve().parent.parent))
"""Folders that are looked in even by somebody who stands in one: Python's own, and that of nas."""


def importable() -> list[str]:
    """`sys.path` without the working directory, by whatever name it is there."""
    return _elsewhere(sys.path)


def leave_cwd_out() -> None:
    """For this process from now on, and for all that it starts."""
    os.environ.update(_settings())
    sys.path[:] = importable()


@contextmanager
def cwd_left_out() -> Iterator[None]:
    """While another process is started, for it alone."""
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
    """Environment variables that say the same to another Python."""
    known = os.environ.get("PYTHONPATH", "")
    path = _elsewhere(known.split(os.pathsep)) if known else []
    return {"PYTHONSAFEPATH": "1", "PYTHONPATH": os.pathsep.join(path)}


def _elsewhere(entries: Iterable[str]) -> list[str]:
    here = str(Path.cwd().resolve())
    if here in _HOMES:
        return [entry or here for entry in entries]
    return [entry for entry in entries if str(Path(entry).resolve()) != here]
