"""Working time: seconds in which this process was not stopped.

Ctrl-Z, a paused container and a closed laptop stop a campaign without any work being done. Such
time must not count against budgets, time limits or timeouts. `time.monotonic` includes it;
`awake` does not.
"""

import os
import signal
import threading
import time
from collections.abc import Callable

PULSE_SECONDS = 0.25
"""How often a background thread reads the clock."""
LONGEST_GAP = 2.0
"""Seconds counted at most for a gap between two readings. It is longer than a busy machine delays
a thread, and longer than anything but a hang holds Python's lock. Hangs are detected by a watchdog
in another process."""


class WorkingTime:
    """A clock that treats a long gap between two readings as a stop."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._total = 0.0
        self._last = now()

    def seconds(self) -> float:
        """Seconds worked since the clock was made. It must be called often to be accurate."""
        with self._lock:
            now = self._now()
            self._total += min(now - self._last, LONGEST_GAP)
            self._last = now
            return self._total


_clock: WorkingTime | None = None


def awake() -> float:
    """This process's working seconds since an arbitrary start; use differences only."""
    global _clock
    if _clock is None:
        _clock = WorkingTime()
        threading.Thread(target=_look, args=(_clock,), name="nas-pulse", daemon=True).start()
    return _clock.seconds()


def _look(clock: WorkingTime) -> None:
    # Signals belong to the main thread, which may block them for a while.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP})
    while True:
        time.sleep(PULSE_SECONDS)
        clock.seconds()


def _forget() -> None:
    """A forked child lacks the thread, and may inherit a lock that is never released."""
    global _clock
    _clock = None


os.register_at_fork(after_in_child=_forget)
