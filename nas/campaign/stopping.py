"""How a campaign comes to its end: why, how soon, and what it says about it."""

from collections.abc import Callable

from nas.campaign.stale_files import make_stop_file, remove_stop_file, stop_file
from nas.ledger import CampaignStore
from nas.schema.stop import Stop, StopReason

SPENT = Stop(StopReason.BUDGET, "the budget is used up")
BIASED = Stop(StopReason.BIASED, "the draw is biased, and --strict-coverage is set")
FAULT = Stop(StopReason.FAULT, "the campaign cannot go on")


class Stopping:
    """The state of one driver's end. Its stop file ends running trials at their epoch."""

    def __init__(self, store: CampaignStore, on_message: Callable[[str], None]) -> None:
        self.stop: Stop | None = None
        """Why no new trial is started; None while the campaign goes on."""
        self.fault: str | None = None
        """What went wrong outside of any candidate: unreadable data, a full disk."""
        self.abort = False
        """Whether running trials are to be killed at once."""
        self.interrupted = False
        self.on_message = on_message
        self.file = stop_file(store.ledger.files, store.owner)
        self._owner = store.owner
        self._signal: str | None = None

    def request(self, why: Stop, *, running: bool) -> None:
        """Starts no new trial, and ends `running` ones at their epoch, checkpointed. Only the first
        reason counts."""
        if self.stop is not None:
            return
        self.stop = why
        if hindrance := make_stop_file(self.file, self._owner):
            self.abort = True  # nor could a checkpoint be written there
            self.on_message(f"{why}, at once: {hindrance}")
        elif running:
            again = "; Ctrl-C again stops at once" if self.interrupted else ""
            self.on_message(
                f"{why}: the running epoch is finished and kept for `nas resume`{again}"
            )

    def fail(self, problem: str, *, running: bool) -> None:
        """As `request`, for something outside of any candidate."""
        self.fault = problem
        self.request(FAULT, running=running)

    def interrupt(self, signal_name: str) -> None:
        """Requests a stop at the next `check`; safe in a signal handler, for it touches no database
        and no terminal."""
        self.interrupted = True
        self._signal = signal_name

    def check(self, *, spent: bool, running: bool) -> None:
        """Requests a stop after a signal, or if the budget is spent."""
        if self._signal is not None:
            self.request(_by(self._signal), running=running)
        elif spent:
            self.request(SPENT, running=running)

    def settle(self) -> None:
        """A signal since the last `check` is the reason, if there is no other."""
        if self.stop is None and self._signal is not None:
            self.stop = _by(self._signal)

    def close(self) -> None:
        """Removes the stop file."""
        remove_stop_file(self.file)


def _by(signal_name: str) -> Stop:
    kind = StopReason.INTERRUPT if signal_name == "SIGINT" else StopReason.SIGNAL
    return Stop(kind, f"stopped by {signal_name}")
