"""Calls of external programs that never wait for one that does not answer.

A process inside a driver call on a lost GPU does not end when it is killed, and `subprocess.run`
with a timeout would wait for it, perhaps for ever.
"""

import subprocess
from collections.abc import Sequence
from contextlib import suppress

GONE_SECONDS = 5.0
"""How long to wait for a killed process."""


def output_of(command: Sequence[str], timeout: float) -> str | None:
    """A program's output; None if it does not exist, failed, or took more than `timeout` s."""
    try:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    except OSError:
        return None
    try:
        out, _ = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        abandon(process)
        return None
    return out.decode("utf-8", "replace") if process.returncode == 0 else None


def abandon(process: "subprocess.Popen[bytes]") -> None:
    """Kills a process and waits at most GONE_SECONDS for its end."""
    process.kill()
    with suppress(subprocess.TimeoutExpired):
        process.wait(GONE_SECONDS)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
