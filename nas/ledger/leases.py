"""Conversion of ledger rows to and from the campaign's candidates and leases."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from nas.ledger import models as m
from nas.ledger.errors import DamagedError
from nas.schema import DRIVER, MEMORY_OF_OTHERS, Assignment, Candidate, Cost, Role, Status


@dataclass(frozen=True)
class NewCandidate:
    """A candidate to be added to the ledger."""

    candidate: Candidate
    code: str
    """Empty if its template refuses it."""
    cost: Cost | None = None
    phase: int = 0
    refusal: str = ""
    """Why its template refuses it; empty if it does not."""


@dataclass(frozen=True)
class PreviousAttempt:
    """A previous attempt at a candidate, whose checkpoint may be resumed."""

    attempt: int
    kept: bool = False
    """Whether it was stopped after an epoch and so left a checkpoint."""


@dataclass(frozen=True)
class LeasedCandidate:
    """A candidate whose lease this driver holds."""

    id: int
    role: Role
    number: int
    candidate: Candidate
    code: str
    """Empty if its template refuses it."""
    cost: Cost | None
    micro_batches: int = 1
    deaths: int = 0
    """Attempts whose process died while training, although their driver lived."""
    failed_starts: int = 0
    """Attempts of this driver whose process died before the attempt began."""
    setbacks: int = 0
    """Consecutive attempts that were lost with their driver before making progress."""
    earlier: tuple[PreviousAttempt, ...] = field(default=())
    """Newest first."""
    outgrown: float = 0.0
    """The largest share of a GPU that was too small for it; 0 if none was."""

    @property
    def suspect(self) -> bool:
        """Whether the candidate may have caused its own failures. It then runs alone, so that a
        further crash can be attributed to it."""
        return self.deaths > 0 or self.setbacks > 1


def assignment_of(spec: dict[str, Any]) -> Assignment:
    """Parses only the JSON needed: a resumed campaign reads thousands of rows."""
    picks = [[e["family"], e["member"]["model"]] for e in spec["experts"]]
    if arm := spec.get("arm"):
        picks = [[arm["name"], arm["label"]]]
    return Assignment.from_json({"picks": picks, "choices": spec["choices"]})


def candidate_of(row: m.Candidate) -> Candidate:
    """The candidate in a row. Raises DamagedError if its key differs from the row's: the result
    would be recorded for a model that never ran."""
    candidate = Candidate.model_validate(row.spec)
    if candidate.key != row.key:
        raise DamagedError(
            f"candidate {row.id} is damaged: its key is {row.key}, but its spec has the key"
            f" {candidate.key}"
        )
    return candidate


def lease_of(row: m.Candidate, attempts: Sequence[m.Attempt] = ()) -> LeasedCandidate:
    """A leased row as a LeasedCandidate; `attempts` are newest first."""
    return LeasedCandidate(
        id=row.id,
        role=Role(row.role),
        number=row.number,
        candidate=candidate_of(row),
        code=row.code,
        cost=cost_of(row),
        micro_batches=row.micro_batches or 1,
        deaths=row.deaths or 0,
        setbacks=setbacks(attempts),
        earlier=tuple(
            PreviousAttempt(
                a.id, kept=a.outcome == Status.INTERRUPTED and a.epochs > 0 and not a.stage
            )
            for a in attempts
        ),
        outgrown=max((a.memory_fraction or 0.0 for a in attempts if _outgrew(a)), default=0.0),
    )


def _outgrew(attempt: m.Attempt) -> bool:
    return attempt.outcome == Status.OOM and attempt.stage not in MEMORY_OF_OTHERS


def setbacks(attempts: Sequence[m.Attempt]) -> int:
    """The latest consecutive attempts (given newest first) that began, were lost with their
    driver, and got no further than the attempts before."""
    count = furthest = 0
    for attempt in reversed(attempts):
        if attempt.epochs > furthest:
            count, furthest = 0, attempt.epochs
        elif attempt.stage == DRIVER and attempt.begun_at is not None:
            count += 1
    return count


def cost_of(row: m.Candidate) -> Cost | None:
    """A candidate's estimated cost; None if it was not estimated."""
    if row.params is None or row.macs is None:
        return None
    return Cost(
        params=row.params,
        macs=row.macs,
        memory_bytes=row.memory_bytes,
        active_macs=row.active_macs,
    )


def end(
    row: m.Candidate, status: Status, attempt: int | None, now: float, value: float | None = None
) -> None:
    """Sets a candidate's final result and frees its lease."""
    row.outcome = status
    row.val_acc = value
    row.finished_at = now
    row.final_attempt = attempt
    row.owner = row.lease_until = None
