"""Prints a sign of progress where there is no terminal: after ten seconds without output, and less
often the longer a command runs, so that logs stay short."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

QUIET_SECONDS = 10.0
"""Seconds without output at first."""
_RARER = ((60.0, 60.0), (3600.0, 600.0))
"""(seconds since the start, seconds without output from then on): 28 days are 4,100 lines."""


def quiet_seconds(elapsed: float) -> float:
    """How many seconds may pass without output, `elapsed` seconds after the start."""
    return max([QUIET_SECONDS, *(quiet for since, quiet in _RARER if elapsed >= since)])


class SilenceBreaker:
    """Context manager that calls `on_silence`, in a thread of its own, whenever `heard` was not
    called for `quiet_seconds`."""

    def __init__(self, on_silence: Callable[[float], None], last: float | None = None) -> None:
        """`on_silence` is called with the seconds since the start. `last`: when something was last
        printed (`time.monotonic()`); None for now."""
        self._on_silence = on_silence
        self._over = threading.Event()
        self._start = self._last = time.monotonic() if last is None else last
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def heard(self) -> None:
        """Notes that something was printed."""
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether nothing was printed for 80 % of `quiet_seconds`: a caller with more to report
        than `on_silence` may print it now."""
        return time.monotonic() - self._last >= 0.8 * self._patience()

    def _watch(self) -> None:
        while not self._over.wait(self._left()):
            if self._left() <= 0:
                self._on_silence(time.monotonic() - self._start)
                self.heard()

    def _left(self) -> float:
        """Seconds until `on_silence` is due; 0 if it is."""
        return max(0.0, self._last + self._patience() - time.monotonic())

    def _patience(self) -> float:
        return quiet_seconds(self._last - self._start)
