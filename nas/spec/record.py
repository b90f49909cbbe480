"""What a sampler sees of the ledger."""

from dataclasses import dataclass

from nas.spec.candidate import Assignment
from nas.spec.outcome import Status


@dataclass(frozen=True, slots=True)
class Record:
    """One drawn candidate. `status` and `value` are None until it has a final result."""

    number: int
    """Its place in the campaign's sequence of draws, from 0."""
    assignment: Assignment
    phase: int = 0
    status: Status | None = None
    value: float | None = None
    """Validation accuracy, where it has one."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of a campaign within which the draw is balanced over the same plan."""

    number: int = 0
    excluded: frozenset[str] = frozenset()
    """Families not to draw now: benched, or dropped by the campaign's owner."""
