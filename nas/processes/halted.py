"""Workers that somebody has stopped, by SIGSTOP or with a debugger, while their driver goes on."""

import os
from contextlib import suppress

import psutil

_HALTED = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)


def is_halted(pid: int) -> bool:
    """Whether a process below this one is stopped, or one between the two, which hands on what it
    says."""
    with suppress(psutil.Error):
        return any(process.status() in _HALTED for process in _line(pid))
    return False


def wake(pid: int) -> None:
    """Lets it go on, and those between."""
    with suppress(psutil.Error):
        for process in _line(pid):
            process.resume()


def _line(pid: int) -> list[psutil.Process]:
    """A process and those between it and this one; none where it does not descend from this one."""
    line: list[psutil.Process] = []
    process: psutil.Process | None = psutil.Process(pid)
    while process is not None and process.pid != os.getpid():
        line.append(process)
        process = process.parent()
    return line if process else []
