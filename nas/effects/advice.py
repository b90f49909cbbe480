"""Keep a family, drop it, or draw it more often before deciding."""

from dataclasses import dataclass
from math import ceil, isnan
from typing import Literal

MARGIN = 0.01
"""Accuracy, as a share, that is too little to care about."""
FAILS = 0.5
"""A family that surely succeeds less often than this is not worth its device time."""


@dataclass(frozen=True)
class Advice:
    """What to do with a family, and why."""

    verdict: Literal["keep", "drop", "draw more"]
    reason: str
    draws: int | None = None
    """How many more results would decide it; None where that cannot be said."""

    def __str__(self) -> str:
        if self.verdict != "draw more":
            return self.verdict
        return f"needs {self.draws} more draws" if self.draws else "needs more draws"


def advise(
    *,
    results: int,
    effect: float,
    low: float,
    high: float,
    success_high: float,
    told: str = "",
    margin: float = MARGIN,
) -> Advice:
    """The rule, on 95 % intervals.

    Drop where the success rate lies below a half or the effect below zero; keep where the effect
    lies above −`margin`; else draw more, until an interval that shrinks with the square root of the
    results, around the effect as it stands, would decide one or the other.
    """
    if success_high < FAILS:
        return Advice("drop", f"succeeds in at most {success_high:.0%} of its candidates")
    if told or isnan(effect):
        return Advice("draw more", told or "no interval yet")
    if high < 0:
        return Advice("drop", f"costs a mixture at least {-100 * high:.1f} points")
    if low > -margin:
        if low > 0:
            return Advice("keep", f"adds at least {100 * low:.1f} points")
        return Advice("keep", f"no worse than average by {100 * margin:.1f} points or more")
    half = (high - low) / 2
    wanted = max(effect + margin, -effect)
    more = max(1, ceil(results * ((half / wanted) ** 2 - 1)))
    return Advice("draw more", f"between {100 * low:+.1f} and {100 * high:+.1f} points", more)
