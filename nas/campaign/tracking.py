"""Creates the tracker that `--log` names."""

from collections.abc import Callable

from nas.campaign.background_logger import BackgroundLogger
from nas.campaign.trackers.base import Recorder, Tracker
from nas.ledger import Ledger
from nas.registry import TRACKERS

__all__ = ["Recorder", "Tracker", "check_log", "make_recorder"]


def check_log(name: str | None) -> None:
    """Raises UsageError for an unknown tracker, ProblemError if its package is missing."""
    if name is not None:
        TRACKERS.subclass(name, Tracker)


def make_recorder(
    name: str | None, ledger: Ledger, campaign: str, on_message: Callable[[str], None]
) -> Recorder:
    """A recorder for the named tracker, or one that does nothing for None. Prints where it writes.

    It runs in a thread of its own and cannot fail a campaign: see `BackgroundLogger`. Raises as
    `check_log` does.
    """
    if name is None:
        return Recorder()
    log = TRACKERS.subclass(name, Tracker)(ledger, campaign)
    on_message(f"logging to {log}")
    return BackgroundLogger(log, on_message)
