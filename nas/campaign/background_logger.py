"""Runs a tracker in the background: if it is slow or fails, the campaign neither waits nor
stops."""

import queue
import threading
from collections.abc import Callable

from nas.campaign.trackers.base import Recorder
from nas.ledger import LeasedCandidate
from nas.processes.signals import stops_held
from nas.schema import Epoch, Outcome, one_line

WAITING = 10_000
"""The largest number of calls that wait for a slow tracker; further calls are dropped."""
CLOSE_SECONDS = 15.0
"""How long the end of a run waits for its tracker."""


class BackgroundLogger(Recorder):
    """Passes everything to another recorder in a thread of its own.

    The first error (a full disk, an unreachable server) is printed once, in one line. Later calls
    are still passed on, because a server may return; the ledger has what was missed.
    """

    def __init__(
        self,
        log: Recorder,
        on_message: Callable[[str], None],
        *,
        waiting: int = WAITING,
        close_seconds: float = CLOSE_SECONDS,
    ) -> None:
        self._log = log
        self._on_message = on_message
        self._close_seconds = close_seconds
        self._announced = False
        self._trouble: str | None = None
        self._calls: queue.Queue[Callable[[], None] | None] = queue.Queue(waiting)
        # A daemon: an unreachable server must not keep the process from ending.
        self._thread = threading.Thread(target=self._work, name=f"log {log}", daemon=True)
        with stops_held():  # neither it nor its library's threads handle stop signals
            self._thread.start()

    def epoch(self, leased: LeasedCandidate, attempt: int, epoch: Epoch) -> None:
        self._later(lambda: self._log.epoch(leased, attempt, epoch))

    def done(self, leased: LeasedCandidate, attempt: int, outcome: Outcome) -> None:
        self._later(lambda: self._log.done(leased, attempt, outcome))

    def close(self) -> None:
        """Waits at most `close_seconds` for the remaining calls."""
        self._later(self._log.close)
        self._later(None)
        self._thread.join(self._close_seconds)
        if self._thread.is_alive() and self._trouble is None:
            self._trouble = "it did not accept everything in time"
        self._tell()

    def _later(self, call: Callable[[], None] | None) -> None:
        try:
            self._calls.put_nowait(call)
        except queue.Full:
            self._trouble = self._trouble or "it is too slow to keep up"
        self._tell()

    def _work(self) -> None:
        while (call := self._calls.get()) is not None:
            try:
                call()
            except Exception as error:  # a tracker's library may raise anything
                self._trouble = self._trouble or one_line(error)

    def _tell(self) -> None:
        """Called in the driver's thread, because the display is not thread-safe."""
        if self._trouble is not None and not self._announced:
            self._announced = True
            self._on_message(
                f"the log {self._log} is incomplete: {self._trouble}; the campaign continues, and"
                " the ledger is complete"
            )
