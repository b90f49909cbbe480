"""What a sampler sees of the ledger."""

from dataclasses import dataclass

from nas.schema.base import Frozen
from nas.schema.candidate import Assignment
from nas.schema.outcome import Status


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
    preferred: frozenset[str] = frozenset()
    """Families to draw twice as often as others."""


class DrawConstraints(Frozen):
    """What a phase of a campaign may draw; another plan is another phase. Names are sorted."""

    drop: tuple[str, ...] = ()
    """Families that the campaign's owner takes out."""
    prefer: tuple[str, ...] = ()
    """Families that the campaign's owner wants twice as often as others."""
    left_out: tuple[str, ...] = ()
    """Models that fail their pre-flight."""

    def describe(self) -> str:
        """`drops a, b and prefers c`; empty for a plan without the owner's wishes."""
        parts = []
        for verb, families in (("drops", self.drop), ("prefers", self.prefer)):
            if families:
                parts.append(f"{verb} {', '.join(families)}")
        return " and ".join(parts)
