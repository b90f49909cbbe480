"""Workers stopped by SIGSTOP or a debugger while their driver runs on."""

import os
from contextlib import suppress

import psutil

_HALTED = (psutil.STATUS_STOPPED, psutil.STATUS_TRACING_STOP)


def is_halted(pid: int) -> bool:
    """Whether a descendant of this process is stopped, or a process between the two, which relays
    its messages."""
    with suppress(psutil.Error):
        return any(process.status() in _HALTED for process in _line(pid))
    return False


def wake(pid: int) -> None:
    """Continues a stopped descendant and the processes between."""
    with suppress(psutil.Error):
        for process in _line(pid):
            process.resume()


def _line(pid: int) -> list[psutil.Process]:
    """A process and its ancestors below this process; empty if it is not a descendant."""
    line: list[psutil.Process] = []
    process: psutil.Process | None = psutil.Process(pid)
    while process is not None and process.pid != os.getpid():
        line.append(process)
        process = process.parent()
    return line if process else []
