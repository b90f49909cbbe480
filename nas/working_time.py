"""Seconds in which this process could work.

Ctrl-Z, a paused container and a closed laptop stop every process of a campaign and nobody's work:
they cost no budget, no time limit and no patience. `time.monotonic` counts them, so what is spent,
limited or recorded is counted by `awake` instead.
"""

import os
import signal
import threading
import time
from collections.abc import Callable

PULSE_SECONDS = 0.25
"""How often a thread of its own looks at the clock, whatever the process is busy with."""
LONGEST_GAP = 2.0
"""Seconds of a gap between two looks that count, at most: more on a busy machine than a thread that
wants to run is kept waiting, and more than Python's lock is held by anything but a hang. Hangs are
for a watchdog in another process, which is not stopped with it."""


class WorkingTime:
    """A clock that takes a long gap between two looks at it for a stop."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._total = 0.0
        self._last = now()

    def seconds(self) -> float:
        """Since this clock was made, in seconds. Looking often is what makes it right."""
        with self._lock:
            now = self._now()
            self._total += min(now - self._last, LONGEST_GAP)
            self._last = now
            return self._total


_clock: WorkingTime | None = None


def awake() -> float:
    """This process's working seconds, from an arbitrary beginning; for differences only."""
    global _clock
    if _clock is None:
        _clock = WorkingTime()
        threading.Thread(target=_look, args=(_clock,), name="nas-pulse", daemon=True).start()
    return _clock.seconds()


def _look(clock: WorkingTime) -> None:
    # They are for the main thread, which may hold them back.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    while True:
        time.sleep(PULSE_SECONDS)
        clock.seconds()


def _forget() -> None:
    """A forked child has no such thread, and may have a lock that nobody gives back."""
    global _clock
    _clock = None


os.register_at_fork(after_in_child=_forget)
