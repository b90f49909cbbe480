"""Why a run came to its end."""

from dataclasses import dataclass
from enum import Enum, auto


class StopReason(Enum):
    """What kind of end: what follows from it, an exit code above all, follows from this alone."""

    BUDGET = auto()
    """The working time is used up: an end that was wanted."""
    INTERRUPT = auto()
    """Ctrl-C."""
    SIGNAL = auto()
    """Another signal."""
    BIASED = auto()
    """The draw is biased, and that was to stop it."""
    TOO_FEW_FAMILIES = auto()
    """So many are benched that no candidate is left to draw."""
    FAULT = auto()
    """Something outside of any candidate went wrong: unreadable data, a full disk."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Why no new trial is started."""

    reason: StopReason
    text: str
    """For a person: a part of a sentence."""

    def __str__(self) -> str:
        return self.text
