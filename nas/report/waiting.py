"""Nothing is silent for long, and no log grows without end: a line, where there is no terminal,
after ten quiet seconds, and ever more rarely in what takes long."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

QUIET_SECONDS = 10.0
"""After so long a person wonders whether a program has hung."""
_RARER = ((60.0, 60.0), (3600.0, 600.0))
"""(seconds since the beginning, quiet seconds from then on): 28 days are 4,100 lines."""


def quiet_seconds(elapsed: float) -> float:
    """How long a silence may be that begins `elapsed` seconds after all began."""
    return max([QUIET_SECONDS, *(quiet for since, quiet in _RARER if elapsed >= since)])


class SilenceBreaker:
    """While `with` lasts, calls `say` from a thread of its own after every `quiet_seconds` in which
    `heard` was not called."""

    def __init__(self, say: Callable[[float], None]) -> None:
        """`say` takes the seconds since this began."""
        self._say = say
        self._over = threading.Event()
        self._begun = self._last = time.monotonic()
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
        """Something was printed."""
        self._last = time.monotonic()

    def due(self) -> bool:
        """Whether nothing has been heard for nearly as long as this waits: whoever has more to say
        than `say` may say it now."""
        return time.monotonic() - self._last >= 0.8 * self._patience()

    def _watch(self) -> None:
        while not self._over.wait(self._left()):
            if self._left() <= 0:
                self._say(time.monotonic() - self._begun)
                self.heard()

    def _left(self) -> float:
        """Seconds until the silence has lasted too long; 0 when it has."""
        return max(0.0, self._last + self._patience() - time.monotonic())

    def _patience(self) -> float:
        return quiet_seconds(self._last - self._begun)
