"""Why a run ended."""

from dataclasses import dataclass
from enum import Enum, auto


class StopReason(Enum):
    """The kind of end, which alone determines the consequences, such as the exit code."""

    BUDGET = auto()
    """The working time is used up, as intended."""
    INTERRUPT = auto()
    """Ctrl-C."""
    SIGNAL = auto()
    """Another signal."""
    BIASED = auto()
    """The draw is biased, and the campaign was configured to stop then."""
    TOO_FEW_FAMILIES = auto()
    """So many families are excluded that no candidate can be drawn."""
    FAULT = auto()
    """A failure outside any candidate: unreadable data, a full disk."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why no new trial is started."""

    reason: StopReason
    text: str
    """For the user: part of a sentence."""

    def __str__(self) -> str:
        return self.text
