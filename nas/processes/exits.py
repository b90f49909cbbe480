"""Interprets the end of a process: its exit code and its last output."""

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
"""Signals that a process causes itself; others come from outside."""


def crash_log(text: str) -> str:
    """The relevant output of a dead process: faulthandler's stack, or else the end; at most 8,000
    characters."""
    fatal = text.rfind("Fatal Python error")
    if fatal >= 0:
        return text[fatal:].partition("\n\nExtension modules")[0][:8000]
    return text[-4000:]


def outcome_of_exit(exitcode: int | None) -> tuple[Status, str]:
    """(status, message) for an exit code as multiprocessing gives it: −n for signal n.

    An exit, or a signal that the process causes itself, is a crash. SIGKILL (sent by the kernel
    when the machine runs out of memory), SIGTERM and unknown ends are `killed`.
    """
    if exitcode is None:
        return Status.KILLED, "the process vanished"
    if exitcode >= 0:
        return Status.CRASH, f"the process exited with code {exitcode} before an outcome"
    try:
        number = signal.Signals(-exitcode)
    except ValueError:
        return Status.KILLED, f"the process died of signal {-exitcode}"
    if number in CRASHES:
        return Status.CRASH, f"the process crashed with {number.name}"
    hint = ": perhaps the machine is out of memory" if number is signal.SIGKILL else ""
    return Status.KILLED, f"the process was killed by {number.name}{hint}"
