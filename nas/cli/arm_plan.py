"""`nas plan` of a space with arms: what its replicates can tell of each arm."""

from collections.abc import Iterator
from dataclasses import asdict
from math import isnan
from typing import TYPE_CHECKING, Any

from nas.cli.plan_text import PROBABLY, known, size
from nas.schema import Space

if TYPE_CHECKING:
    from nas.results.power import ArmPower

MORE = (5, 10, 20)
"""Numbers of replicates that are compared with the space's own."""


def arm_facts(
    space: Space, trials: int, points: float | None, found: "list[ArmPower]"
) -> dict[str, Any]:
    """The plan as plain data; differences in units of the noise, and in points if that is known."""
    return {
        "replicates": space.replicates,
        "runs": min(trials, space.points) * space.replicates,
        "reference": space.reference or next(iter(space.arms)),
        "arms": [
            asdict(arm)
            | {"difference": known(arm.difference), "points": known(arm.difference, points)}
            for arm in found
        ],
    }


def arm_lines(
    space: Space, trials: int, points: float | None, origin: str, found: "list[ArmPower]"
) -> Iterator[str]:
    """The plan in words."""
    reference = space.reference or next(iter(space.arms))
    variants = sum(map(len, space.arms.values()))
    choices = f" with {space.settings:,} combinations of choices" if space.settings > 1 else ""
    yield (
        f"{space.name} has {len(space.arms)} arms, {variants:,} variants{choices}, and trains each"
        f" {space.replicates} times: {space.runs:,} runs, as {space.points:,} trials with their"
        " replicates."
    )
    if trials < space.points:
        yield (
            f"--trials {trials} trains only {trials * space.replicates:,} of them: an arm is"
            " compared when all of its variants are trained."
        )
    if points is not None:
        yield f"Noise, the standard deviation of a variant's runs: {points:.2f} points, {origin}."
    yield f"A difference from the reference arm {reference} is {PROBABLY}"
    for arm in found:
        yield f"  {size(arm.difference, points):>12}  {arm.arm}, {arm.runs:,} runs"
    yield from _more(space, points)
    if points is None:
        yield f"sd: the standard deviation of a variant's runs; {origin}, --noise gives it."


def _more(space: Space, points: float | None) -> Iterator[str]:
    """What more replicates would find, by the arm of which least is known."""
    from nas.results.power import arm_powers

    sizes = {
        n: max((a.difference for a in arm_powers(space, n)), default=float("nan"))
        for n in MORE
        if n > space.replicates
    }
    parts = [f"{size(s, points)} with {n}" for n, s in sizes.items() if not isnan(s)]
    if parts:
        yield f"More replicates find less, at most {', '.join(parts)}: --set replicates=N."
