"""Stops a campaign: for which reason, how soon, and with which message."""

from collections.abc import Callable

from nas.campaign.stale_files import make_stop_file, remove_stop_file, stop_file
from nas.ledger import CampaignStore
from nas.schema.stop import Stop, StopReason

SPENT = Stop(StopReason.BUDGET, "the budget is used up")
BIASED = Stop(StopReason.BIASED, "the draw is biased, and --strict-coverage is set")
FAULT = Stop(StopReason.FAULT, "the campaign cannot continue")


class Stopping:
    """Whether and why one driver stops. Its stop file ends running trials after their epoch."""

    def __init__(
        self,
        store: CampaignStore,
        on_message: Callable[[str], None],
        running: Callable[[], bool],
    ) -> None:
        """`running` tells whether there are running trials."""
        self.stop: Stop | None = None
        """Why no new trial is started; None while the campaign continues."""
        self.fault: str | None = None
        """An error that is not a candidate's: unreadable data, a full disk."""
        self.abort = False
        """Whether running trials are to be killed at once."""
        self.on_message = on_message
        self._running = running
        self.file = stop_file(store.ledger.files, store.owner)
        self._owner = store.owner
        self._signal: str | None = None

    @property
    def interrupted(self) -> bool:
        """Whether a signal has requested a stop, which a second one makes immediate."""
        return self._signal is not None

    def request(self, why: Stop) -> None:
        """Starts no new trial; running ones end after their current epoch, with a checkpoint. Only
        the first reason counts."""
        if self.stop is not None:
            return
        self.stop = why
        if hindrance := make_stop_file(self.file, self._owner):
            self.abort = True  # a checkpoint could not be written there either
            self.on_message(f"{why}, at once: {hindrance}")
        elif self._running():
            again = "; Ctrl-C again stops at once" if self.interrupted else ""
            self.on_message(f"{why}: the running epoch ends and is saved for `nas resume`{again}")

    def fail(self, problem: str) -> None:
        """As `request`, for an error that is not a candidate's."""
        self.fault = problem
        self.request(FAULT)

    def interrupt(self, signal_name: str) -> None:
        """Requests a stop at the next `check`. Safe in a signal handler: it uses neither the
        database nor the terminal."""
        self._signal = signal_name

    def check(self, *, spent: bool) -> None:
        """Requests a stop after a signal, or if the budget is spent."""
        if self._signal is not None:
            self.request(_by(self._signal))
        elif spent:
            self.request(SPENT)

    def settle(self) -> None:
        """Sets the reason to a signal that came after the last `check`, if there is no other."""
        if self.stop is None and self._signal is not None:
            self.stop = _by(self._signal)

    def close(self) -> None:
        """Removes the stop file."""
        remove_stop_file(self.file)


def _by(signal_name: str) -> Stop:
    kind = StopReason.INTERRUPT if signal_name == "SIGINT" else StopReason.SIGNAL
    return Stop(kind, f"stopped by {signal_name}")
