"""What a probe says where it had no room."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Crowded:
    """Too little of a GPU was there for a probe: others hold it."""

    problem: str
