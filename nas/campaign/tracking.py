"""The tracker that follows a campaign, by the name that `--log` gives."""

from collections.abc import Callable

from nas.campaign.background_logger import BackgroundLogger
from nas.campaign.trackers.base import Recorder, Tracker
from nas.ledger import Ledger
from nas.registry import TRACKERS

__all__ = ["Recorder", "Tracker", "check_log", "make_recorder"]


def check_log(name: str | None) -> None:
    """Raises UsageError for a log that is not known, ProblemError where its package is missing."""
    if name is not None:
        TRACKERS.subclass(name, Tracker)


def make_recorder(
    name: str | None, ledger: Ledger, campaign: str, say: Callable[[str], None]
) -> Recorder:
    """The recorder of a log, which says where it writes; one that does nothing for None.

    It works in a thread of its own and never fails: see `BackgroundLogger`. Raises as `check_log`
    does.
    """
    if name is None:
        return Recorder()
    log = TRACKERS.subclass(name, Tracker)(ledger, campaign)
    say(f"logging to {log}")
    return BackgroundLogger(log, say)
