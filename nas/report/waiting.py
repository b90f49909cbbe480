"""Nothing is silent for long: a line, where there is no terminal, after every ten quiet seconds."""

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

QUIET_SECONDS = 10.0
"""After so long a person wonders whether a program has hung."""


class SilenceBreaker:
    """While `with` lasts, calls `say` from a thread of its own after every QUIET_SECONDS in which
    `heard` was not called."""

    def __init__(self, say: Callable[[float], None]) -> None:
        """`say` takes the seconds since this began."""
        self._say = say
        self._seconds = QUIET_SECONDS
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
        return time.monotonic() - self._last >= 0.8 * self._seconds

    def _watch(self) -> None:
        while not self._over.wait(max(0.0, self._last + self._seconds - time.monotonic())):
            if time.monotonic() - self._last >= self._seconds:
                self._say(time.monotonic() - self._begun)
                self.heard()
