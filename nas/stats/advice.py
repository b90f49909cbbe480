"""Keep a family, drop it, or draw it more often before deciding."""

from dataclasses import dataclass
from math import ceil, floor, isnan
from typing import Literal

MARGIN = 0.01
"""A difference in accuracy, as a share, that is negligible."""
FAILS = 0.5
"""A family whose success rate is significantly below this is dropped."""
MOST = 10_000
"""Larger numbers of draws are not estimated: no campaign makes them."""

AVERAGE = "the average family"
"""The reference of effects and advice."""


@dataclass(frozen=True)
class Advice:
    """What to do with a family, and why."""

    verdict: Literal["keep", "drop", "draw more", "cannot tell"]
    reason: str
    draws: int | None = None
    """How many more draws would decide it; None if unknown."""

    def __str__(self) -> str:
        if self.verdict != "draw more":
            return self.verdict
        return f"needs {_how_many(self.draws)}more draw{'s'[: self.draws != 1]}"


def _how_many(draws: int | None) -> str:
    """Two digits, since this is a rough extrapolation; only a bound above MOST."""
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
    """The advice on a family, from the 95 % interval of its effect (see `FamilyEffects`).

    Drop a family that fails significantly more often than the rest (`fails` is the reason) and in
    more than half of its candidates, or that collapses significantly more often than the rest
    (`collapses`) and in more than half of its runs (`learned_high` is the upper end of the share
    that learned). Otherwise drop if the whole interval is below −`margin`, keep if it is above, and
    else draw more: until an interval around the present effect, which shrinks with the square root
    of the number of results, would be on one side.
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
    apart = max(abs(effect + margin), margin / 10)  # an exact tie would need infinitely many
    more = results * ((half / apart) ** 2 - 1) / (success_rate or 1.0)
    return Advice(
        "draw more",
        f"between {100 * low:+.2f} and {100 * high:+.2f} points against {AVERAGE}",
        max(1, ceil(round(more, 6))),
    )


def _at_least(share: float) -> str:
    """In percentage points, rounded down."""
    return f"{floor(1000 * share + 1e-9) / 10:.1f}"


def _points(share: float) -> str:
    return f"{100 * share:g} point{'s'[: 100 * share != 1]}"
