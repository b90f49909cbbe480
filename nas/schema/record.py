"""A sampler's view of the ledger."""

from dataclasses import dataclass

from nas.schema.base import Frozen
from nas.schema.candidate import Assignment
from nas.schema.outcome import Status


@dataclass(frozen=True, slots=True)
class Record:
    """One drawn candidate. `status` and `value` are None until it has a final result."""

    number: int
    """Its position in the campaign's sequence of draws, from 0."""
    assignment: Assignment
    phase: int = 0
    status: Status | None = None
    value: float | None = None
    """Validation accuracy, if it has one."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A part of a campaign with constant draw constraints, within which the draw is balanced."""

    number: int = 0
    excluded: frozenset[str] = frozenset()
    """Families not drawn in this phase: excluded for failing, or dropped by the user."""
    preferred: frozenset[str] = frozenset()
    """Families drawn twice as often as others."""


class DrawConstraints(Frozen):
    """What a phase of a campaign may draw; a change starts a new phase. Names are sorted."""

    drop: tuple[str, ...] = ()
    """Families that the user drops."""
    prefer: tuple[str, ...] = ()
    """Families that the user wants drawn twice as often as others."""
    left_out: tuple[str, ...] = ()
    """Models whose profile failed."""

    def describe(self) -> str:
        """`drops a, b and prefers c`; empty without drops and preferences."""
        parts = []
        for verb, families in (("drops", self.drop), ("prefers", self.prefer)):
            if families:
                parts.append(f"{verb} {', '.join(families)}")
        return " and ".join(parts)
