"""The compared figures: their published values, and how the replay uses each."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from nas.replay import published as p
from nas.replay.simulated_nas import CONTROLS
from nas.replay.simulation import SimulatedCampaign

Unit = Literal["count", "ratio", "share"]
Role = Literal["input", "fitted", "follows", "check", ""]
"""`input`: given to the replay. `fitted`: the replay's two free parameters were fitted to it.
`follows`: computed from those. `check`: not used by the replay. Empty: not published."""
Measure = Callable[[SimulatedCampaign], float]


@dataclass(frozen=True)
class Figure:
    """One figure. A measure is None if the figure does not apply to such a campaign."""

    name: str
    unit: Unit
    role: Role
    published: float | None
    replayed: Measure | None
    with_nas: Measure | None


def figures() -> tuple[Figure, ...]:
    """All figures in the order of the table."""
    return (*_course(), *_coverage(), *_families())


def _same(name: str, unit: Unit, role: Role, published: float | None, measure: Measure) -> Figure:
    return Figure(name, unit, role, published, measure, measure)


def _course() -> Iterator[Figure]:
    yield Figure("generated", "count", "input", p.GENERATED, lambda _: p.GENERATED, _drawn)
    yield Figure("refused before GPU time", "count", "", None, None, lambda d: d.refused)
    yield _same("trained", "count", "input", p.RUN, lambda d: len(d.tried))
    yield _same("successes", "count", "fitted", p.OK, lambda d: int(d.ok.sum()))
    free = p.OK - CONTROLS  # a success would then cost 28 days / 1,021, and a control as well
    yield Figure("… if failures cost nothing", "count", "", p.OK, None, lambda _: free)
    yield _same("GPU time in failures", "share", "follows", p.FAILED / p.RUN, lambda d: d.wasted)
    tries = p.FAILED / (p.DISTINCT - p.OK)
    yield _same("attempts per failing quartet", "ratio", "follows", tries, lambda d: d.tries)
    yield Figure("blacklisted", "count", "check", p.BLACKLISTED, lambda d: d.blacklisted, None)


def _coverage() -> Iterator[Figure]:
    every = len(p.QUARTETS)
    broken = 1 - len(p.buildable()) / every
    yield Figure(
        "quartets that do not build", "share", "check", p.COLLISIONS, lambda _: broken, lambda _: 0
    )
    yield _same("different quartets trained", "count", "fitted", p.DISTINCT, lambda d: d.distinct)
    share = p.DISTINCT / every
    yield _same(f"of all {every:,}", "share", "follows", share, lambda d: d.distinct / every)
    yield _same(
        f"successes with {p.FIRST}", "share", "check", 1.0, lambda d: d.successes[:, 0].mean()
    )
    yield _same("families seen, of 29", "count", "", None, lambda d: d.families)
    yield _same("pairs seen, of 406", "count", "", None, lambda d: d.pairs)
    yield _same("commonest ÷ median family", "ratio", "", None, lambda d: d.lopsided)


def _families() -> Iterator[Figure]:
    heavy = p.HEAVY
    yield Figure(
        f"{heavy}: successful", "share", "input", p.HEAVY_SUCCESS, _successful(heavy), None
    )
    yield Figure(
        f"{heavy} in failures",
        "share",
        "check",
        p.HEAVY_SHARE,
        lambda d: d.share(heavy),
        lambda d: d.share(heavy),
    )
    for family, attempts in ({heavy: p.HEAVY_ATTEMPTS} | p.ATTEMPTS).items():
        yield _same(f"{family}: attempts", "count", "check", attempts, _attempts(family))
    for family, success in p.SUCCESS.items():
        yield _same(f"{family}: successful", "share", "check", success, _successful(family))


def _drawn(days: SimulatedCampaign) -> float:
    return days.refused + len(days.tried)


def _attempts(family: str) -> Measure:
    return lambda days: days.attempts(family)


def _successful(family: str) -> Measure:
    return lambda days: days.success(family)
