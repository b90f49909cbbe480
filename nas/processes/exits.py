"""What the end of a process says about why it ended."""

import signal

from nas.schema import Status

CRASHES = (
    signal.SIGSEGV,
    signal.SIGABRT,
    signal.SIGBUS,
    signal.SIGFPE,
    signal.SIGILL,
    signal.SIGTRAP,
    signal.SIGSYS,
)
"""Signals a process brings on itself; the others come from outside."""


def crash_log(text: str) -> str:
    """What matters of a dead process's output: faulthandler's stack, or else the end; ≤ 8,000
    characters."""
    fatal = text.rfind("Fatal Python error")
    if fatal >= 0:
        return text[fatal:].partition("\n\nExtension modules")[0][:8000]
    return text[-4000:]


def outcome_of_exit(exitcode: int | None) -> tuple[Status, str]:
    """What a process's end says; `exitcode` as multiprocessing gives it, −n for signal n.

    A signal of the process's own making, or an exit, is a crash. SIGKILL, which the kernel sends
    when the machine runs out of memory, SIGTERM and the unexplained are `killed`.
    """
    if exitcode is None:
        return Status.KILLED, "its process vanished"
    if exitcode >= 0:
        return Status.CRASH, f"its process exited with code {exitcode} before an outcome"
    try:
        number = signal.Signals(-exitcode)
    except ValueError:
        return Status.KILLED, f"its process died of signal {-exitcode}"
    if number in CRASHES:
        return Status.CRASH, f"its process crashed with {number.name}"
    hint = ": perhaps the machine is out of memory" if number is signal.SIGKILL else ""
    return Status.KILLED, f"its process was killed by {number.name}{hint}"
