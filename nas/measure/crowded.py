"""The result of a profile that lacked GPU memory because of other programs."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Crowded:
    """A GPU had too little free memory for a profile, because other programs use it."""

    problem: str
