"""Programs that are asked something, and need not be waited for when they do not answer.

A process inside a driver's call on a lost GPU does not end when it is killed: `subprocess.run` with
a timeout would wait for it, perhaps for ever.
"""

import subprocess
from collections.abc import Sequence
from contextlib import suppress

GONE_SECONDS = 5.0
"""How long a killed process is waited for."""


def output_of(command: Sequence[str], timeout: float) -> str | None:
    """What a program printed; None where it is not there, failed, or had not ended in time."""
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
    """Kills a process and waits a little until it is gone."""
    process.kill()
    with suppress(subprocess.TimeoutExpired):
        process.wait(GONE_SECONDS)
    for pipe in (process.stdout, process.stderr):
        if pipe is not None:
            pipe.close()
