"""What a child process sends its parent about a call."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Started:
    """The call was received and begins."""

    pid: int | None = None
    """The child's process id."""


@dataclass(frozen=True, slots=True)
class Item:
    """A value of the iterator; the child waits for `ack`."""

    value: Any


@dataclass(frozen=True, slots=True)
class Returned:
    """The call ended; the value is None for an iterator."""

    value: Any


@dataclass(frozen=True, slots=True)
class Raised:
    """The call ended with an exception."""

    problem: str
    """`ValueError: its message`."""
    detail: str
    """The traceback."""


Message = Started | Item | Returned | Raised
"""In this order: Started; Items, for a function that returns an iterator; Returned or Raised."""
