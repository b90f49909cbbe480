"""Is the draw fair? A sequential test after every candidate, valid at each of them.

A published campaign ran for 28 days before anyone noticed that every quartet contained the same
family; this test finds that at the fourth candidate. Levels that a fair draw treats alike are
tested together: families, pairs of families, the members of a family, the settings of a choice. See
`nas.stats.martingale`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from math import exp, log
from typing import Literal

import numpy as np

from nas.schema import Assignment, Space
from nas.stats.exhaustion import ExhaustionTracker
from nas.stats.failure_rates import FailureRateTest
from nas.stats.level_counts import LevelCounts
from nas.stats.look_schedule import look_schedule
from nas.stats.martingale import Floats, Martingale, log_mean

ALPHA = 0.005
"""Upper bound of the probability that a fair campaign is ever called biased, however long it
runs."""
_CELLS = 1 << 18
"""Draws times levels processed at a time: bounds the memory."""

AuditVerdict = Literal["fair", "biased", "adaptive", "none"]
"""`none`: there are no draws to test."""


@dataclass(frozen=True, slots=True)
class Draw:
    """One draw, and why it is not meant to be fair: an adaptive sampler, a benched or preferred
    family."""

    assignment: Assignment
    adaptive: str = ""


@dataclass(frozen=True, slots=True)
class AuditResult:
    """The audit's result on the draws so far."""

    verdict: AuditVerdict
    flagged_at: int | None
    """The number of draws after which the test called the draw biased."""
    why: str
    draws: int
    failing: Mapping[str, str] = field(default_factory=dict)
    """Families whose candidates fail more often than the rest, each with a line about it."""

    @property
    def line(self) -> str:
        """One line for a person."""
        if self.verdict == "biased":
            return f"The draw is BIASED, detected at draw {self.flagged_at}: {self.why}"
        if self.verdict == "adaptive":
            return f"The draw is adaptive: {self.why}"
        if self.verdict == "none":
            return self.why
        return f"The draw looks fair: {self.why}"

    @property
    def lines(self) -> tuple[str, ...]:
        """`line`, and one for each warning."""
        return (self.line, *(f"Warning: {warning}" for warning in self.failing.values()))


NOTHING_DRAWN = AuditResult("none", None, "A bank trains every member: nothing is drawn.", draws=0)


class Audit:
    """Updates the result with a campaign's draws, in their order.

    From the first draw that is not meant to be fair, the result is `adaptive`, unless it was biased
    before. If a space is nearly exhausted, the remaining points determine the draws, so later draws
    are not tested. Only single levels and pairs of families are tested: that two settings always
    occur together is not detected.
    """

    def __init__(self, space: Space) -> None:
        """`space`: what can be drawn, without the families that fail their pre-flight."""
        self._levels = LevelCounts(space)
        self._bets = [Martingale(group.low, group.high) for group in self._levels.groups]
        self._failures = FailureRateTest(space.families)
        self._supply = ExhaustionTracker(space)
        self._draws = 0
        self._looked = 0
        self._waiting: list[Assignment] = []
        """Draws since the last test."""
        self._runs_out = False
        self._flagged: int | None = None
        self._why = ""
        self._adaptive = ""

    def add(self, draws: Iterable[Draw]) -> None:
        """Adds the next draws, in order."""
        for adaptive, group in groupby(draws, key=lambda draw: draw.adaptive):
            assignments = [draw.assignment for draw in group]
            if adaptive and not self._adaptive:
                self._adaptive = f"{adaptive}, from draw {self._draws + 1} on"
            if not self._adaptive and self._flagged is None:
                free = self._supply.free(assignments)
                self._runs_out |= len(free) < len(assignments)
                self._waiting.extend(free)
                self._look()
            self._draws += len(assignments)

    def ended(self, assignments: Sequence[Assignment], failed: Sequence[bool]) -> None:
        """Adds candidates that ended, in that order, and whether they failed."""
        self._failures.add(self._levels.families(assignments), np.array(failed, dtype=bool))

    @property
    def verdict(self) -> AuditResult:
        """The result so far; cheap, since `add` does the work."""
        failing = self._failures.warnings
        if self._flagged is not None:
            return AuditResult("biased", self._flagged, self._why, self._draws, failing)
        if self._adaptive:
            return AuditResult("adaptive", None, self._adaptive, self._draws, failing)
        return AuditResult("fair", None, self._calm(), self._draws, failing)

    def _look(self) -> None:
        """Tests the waiting draws, in whole looks, and flags the first significant look."""
        step = max(1, _CELLS // max(1, sum(len(group.names) for group in self._levels.groups)))
        if not self._bets:  # every draw is alike
            self._looked, self._waiting = self._looked + len(self._waiting), []
        while due := look_schedule(self._looked, len(self._waiting), step):
            block, self._waiting = self._waiting[: due[-1]], self._waiting[due[-1] :]
            levels = self._levels.counts(block, [0, *due[:-1]])
            before = [(bets.hits, bets.chances, bets.log_wealth) for bets in self._bets]
            paths = [
                bets.add(hits[None], chances[None])
                for bets, (hits, chances) in zip(self._bets, levels, strict=True)
            ]
            certain = np.flatnonzero(_pooled(paths) >= -log(ALPHA))
            if len(certain):
                at = int(certain[0])
                # Reset the bets to that look: later draws are not the reason.
                for bets, old, (hits, chances) in zip(self._bets, before, levels, strict=True):
                    bets.hits, bets.chances, bets.log_wealth = old
                    bets.add(hits[None, : at + 1], chances[None, : at + 1])
                self._flagged, self._why = self._looked + due[at], self._worst()
                return
            self._looked += len(block)

    def _worst(self) -> str:
        """The reason: the level with the strongest evidence, and its counts."""
        at = int(np.argmax([bets.log_wealth.max() for bets in self._bets]))
        group, bets = self._levels.groups[at], self._bets[at]
        level = int(bets.log_wealth[0].argmax())
        chances = bets.chances[0, level]
        return (
            f"{group.kind} {group.names[level]} is in {bets.hits[0, level]:.0f} of"
            f" {chances:.0f} draws; a fair draw gives about"
            f" {_about(chances * bets.centre[level])}"
        )

    def _calm(self) -> str:
        if not self._draws:
            return "nothing has been drawn yet"
        rest = "; the space is nearly exhausted, so later draws are not tested"
        rest = rest if self._runs_out else ""
        wealth = _pooled([bets.log_wealth[:, None] for bets in self._bets])[0] if self._bets else 0
        return (
            f"{self._looked:,} draw{'s'[: self._looked != 1]}, {exp(min(wealth, 50)):.2g} times as"
            f" likely from a biased sampler as from a fair one; {1 / ALPHA:.0f} times means biased,"
            f" which at most 1 fair campaign in {1 / ALPHA:.0f} ever reaches{rest}"
        )


def _pooled(paths: Sequence[Floats]) -> Floats:
    """Natural logarithm of the mean wealth, over groups of the mean over their bettors: `(T,)`."""
    means: Floats = log_mean(np.stack([log_mean(path[0]) for path in paths], axis=-1))
    return means


def _about(count: float) -> str:
    return f"{count:.1f}" if count >= 1 else f"{count:.1g}"
