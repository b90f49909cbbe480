"""Keep a family, drop it, or draw it more often before deciding."""

from dataclasses import dataclass
from math import ceil, floor, isnan
from typing import Literal

MARGIN = 0.01
"""Accuracy, as a share, that is too little to care about."""
FAILS = 0.5
"""A family that surely succeeds less often than this is not worth its device time."""
MOST = 10_000
"""More draws than this are not counted: no campaign pays for them."""

AVERAGE = "the average family"
"""What effects and advice are measured against."""


@dataclass(frozen=True)
class Advice:
    """What to do with a family, and why."""

    verdict: Literal["keep", "drop", "draw more", "cannot tell"]
    reason: str
    draws: int | None = None
    """How many more draws would decide it; None where that cannot be said."""

    def __str__(self) -> str:
        if self.verdict != "draw more":
            return self.verdict
        return f"needs {_how_many(self.draws)}more draw{'s'[: self.draws != 1]}"


def _how_many(draws: int | None) -> str:
    """A guess by the square root deserves two digits, and none beyond MOST."""
    if draws is None:
        return ""
    if draws > MOST:
        return f"over {MOST:,} "
    if draws < 100:
        return f"{draws} "
    step = 10 ** (len(str(draws)) - 2)
    return f"about {ceil(draws / step) * step:,} "


def advise(
    *,
    results: int,
    effect: float,
    low: float,
    high: float,
    success_rate: float,
    success_high: float,
    fails: str = "",
    collapses: str = "",
    learned_high: float = 1.0,
    not_estimable: str = "",
    never_estimable: bool = False,
    margin: float = MARGIN,
) -> Advice:
    """The rule, on the 95 % interval of a family's effect, as `FamilyEffects` gives it.

    Drop a family that surely fails more than the rest (`fails` says so) and in more than half of
    its candidates, or that surely collapses more than the rest and in more than half of its runs
    (`collapses` says so; `learned_high` is the upper end of the share that learned); else drop
    where the whole interval lies below −`margin`, keep where all of it lies above, and otherwise
    draw more: until an interval that shrinks with the square root of the results, around the effect
    as it stands, would lie on one side.
    """
    if fails and success_high < FAILS:
        return Advice("drop", fails)
    if collapses and learned_high < FAILS:
        return Advice("drop", collapses)
    if not_estimable or isnan(effect):
        why = not_estimable or "no interval yet"
        return Advice("cannot tell" if never_estimable else "draw more", why)
    if low > -margin:
        if low > 0:
            return Advice("keep", f"at least {_at_least(low)} points better than {AVERAGE}")
        return Advice("keep", f"less than {_points(margin)} worse than {AVERAGE}, if at all")
    if high < -margin:
        return Advice("drop", f"at least {_at_least(-high)} points worse than {AVERAGE}")
    half = (high - low) / 2
    apart = max(abs(effect + margin), margin / 10)  # a tie would never be decided
    more = results * ((half / apart) ** 2 - 1) / (success_rate or 1.0)
    return Advice(
        "draw more",
        f"between {100 * low:+.2f} and {100 * high:+.2f} points against {AVERAGE}",
        max(1, ceil(round(more, 6))),
    )


def _at_least(share: float) -> str:
    """In points, never more than it is."""
    return f"{floor(1000 * share + 1e-9) / 10:.1f}"


def _points(share: float) -> str:
    return f"{100 * share:g} point{'s'[: 100 * share != 1]}"
