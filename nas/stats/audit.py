"""Is the draw fair? Looked at after every candidate, and right to be believed at any of them.

A published campaign ran 28 days before anybody saw that every quartet held the same family; this
sees it at the fourth. Levels that a fair draw would treat alike are tested together: families,
pairs of families, the members of a family, the settings of a choice. See `nas.stats.martingale`.
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
"""The chance that a fair campaign is ever called biased, however long it runs."""
_CELLS = 1 << 18
"""Draws times levels held at a time: bounds the memory."""

AuditVerdict = Literal["fair", "biased", "adaptive", "none"]
"""`none`: there is nothing to judge."""


@dataclass(frozen=True, slots=True)
class Draw:
    """One draw, and why it need not be fair: a learning sampler, a benched or preferred family."""

    assignment: Assignment
    adaptive: str = ""


@dataclass(frozen=True, slots=True)
class AuditResult:
    """The audit's result on the draws so far."""

    verdict: AuditVerdict
    flagged_at: int | None
    """The number of draws after which the bias was certain enough."""
    why: str
    draws: int
    failing: Mapping[str, str] = field(default_factory=dict)
    """Families whose candidates fail more often than the rest, and the line that says so."""

    @property
    def line(self) -> str:
        """One line for a person."""
        if self.verdict == "biased":
            return f"The draw is BIASED, certain at draw {self.flagged_at}: {self.why}"
        if self.verdict == "adaptive":
            return f"The draw is adaptive: {self.why}"
        if self.verdict == "none":
            return self.why
        return f"The draw is fair as far as can be seen: {self.why}"

    @property
    def lines(self) -> tuple[str, ...]:
        """`line`, and one for each warning."""
        return (self.line, *(f"Warning: {warning}" for warning in self.failing.values()))


NOTHING_DRAWN = AuditResult("none", None, "A bank trains every member: nothing is drawn.", draws=0)


class Audit:
    """Folds a campaign's draws, in their order, into a verdict.

    From the first draw on that is not meant to be fair, all are `adaptive`; what was biased before
    stays so. Where a space runs out, what is left decides what is drawn: from there on nothing is
    tested. Each level is tested by itself, and pairs of families; that two settings always come
    together is not seen.
    """

    def __init__(self, space: Space) -> None:
        """`space`: what could be drawn, without the families that fail their pre-flight."""
        self._levels = LevelCounts(space)
        self._bets = [Martingale(group.low, group.high) for group in self._levels.groups]
        self._failures = FailureRateTest(space.families)
        self._supply = ExhaustionTracker(space)
        self._draws = 0
        self._looked = 0
        self._waiting: list[Assignment] = []
        """Drawn since the last look."""
        self._runs_out = False
        self._flagged: int | None = None
        self._why = ""
        self._adaptive = ""

    def add(self, draws: Iterable[Draw]) -> None:
        """The next draws, in order."""
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
        """Candidates that came to an end, in that order, and whether they failed."""
        self._failures.add(self._levels.families(assignments), np.array(failed, dtype=bool))

    @property
    def verdict(self) -> AuditResult:
        """The result so far. Costs nothing: the evidence was taken in by `add`."""
        failing = self._failures.warnings
        if self._flagged is not None:
            return AuditResult("biased", self._flagged, self._why, self._draws, failing)
        if self._adaptive:
            return AuditResult("adaptive", None, self._adaptive, self._draws, failing)
        return AuditResult("fair", None, self._calm(), self._draws, failing)

    def _look(self) -> None:
        """Tests what waits, as far as whole looks go, and flags the first that is certain."""
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
                # The bets stand where they stood at that look: what follows is not its reason.
                for bets, old, (hits, chances) in zip(self._bets, before, levels, strict=True):
                    bets.hits, bets.chances, bets.log_wealth = old
                    bets.add(hits[None, : at + 1], chances[None, : at + 1])
                self._flagged, self._why = self._looked + due[at], self._worst()
                return
            self._looked += len(block)

    def _worst(self) -> str:
        """The level whose count is least like a fair draw's."""
        at = int(np.argmax([bets.log_wealth.max() for bets in self._bets]))
        group, bets = self._levels.groups[at], self._bets[at]
        level = int(bets.log_wealth[0].argmax())
        chances = bets.chances[0, level]
        return (
            f"{group.kind} {group.names[level]} stands in {bets.hits[0, level]:.0f} of"
            f" {chances:.0f} draws, where a fair draw gives about"
            f" {_about(chances * bets.centre[level])}"
        )

    def _calm(self) -> str:
        if not self._draws:
            return "nothing is drawn yet"
        rest = "; the space runs out, so later ones are not tested"
        rest = rest if self._runs_out else ""
        wealth = _pooled([bets.log_wealth[:, None] for bets in self._bets])[0] if self._bets else 0
        return (
            f"{self._looked:,} draw{'s'[: self._looked != 1]} so far,"
            f" {exp(min(wealth, 50)):.2g} times as likely from a biased sampler as from a fair one;"
            f" called biased at {1 / ALPHA:.0f} times, which at most 1 fair campaign in"
            f" {1 / ALPHA:.0f} ever reaches{rest}"
        )


def _pooled(paths: Sequence[Floats]) -> Floats:
    """The logarithm of the mean over groups of their bettors' mean wealth: `(T,)`."""
    means: Floats = log_mean(np.stack([log_mean(path[0]) for path in paths], axis=-1))
    return means


def _about(count: float) -> str:
    return f"{count:.1f}" if count >= 1 else f"{count:.1g}"
