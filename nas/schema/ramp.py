"""Values that change while a network trains."""

from collections.abc import Sequence
from math import cos, isfinite, pi
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator

COSINE = "cosine"
Point = tuple[float, float] | tuple[float, float, str]
"""(share of training in [0, 1], value), and COSINE if the way to it is half a cosine instead of a
straight line."""
Ramp = tuple[Point, ...]
"""Points in the order of their shares. Two with one share are a jump, to the second. Before the
first point and after the last, the value is theirs."""


def as_ramp(given: Any) -> Ramp:
    """A ramp from a space file, `[[share, value], [share, value, cosine], …]`; ValueError for
    anything else."""
    if not isinstance(given, Sequence) or isinstance(given, str) or not given:
        raise ValueError("should be a list of points [share of training, value]")
    points = tuple(map(_point, given))
    shares = [point[0] for point in points]
    if shares != sorted(shares) or shares[0] < 0 or shares[-1] > 1:
        raise ValueError("should have points whose shares of training rise, from 0 to at most 1")
    return points


def as_scheduled(given: Any) -> float | Ramp:
    """A number, or a ramp; ValueError for anything else."""
    if _is_number(given):
        return float(given)
    if isinstance(given, Sequence) and not isinstance(given, str):
        return as_ramp(given)
    raise ValueError("should be a number, or a list of points [share of training, value]")


AS_IT_IS = PlainSerializer(lambda value: value, return_type=Any)
"""pydantic's own serializer would warn that a ramp is no number."""
Scheduled = Annotated[float | Ramp, PlainValidator(as_scheduled), AS_IT_IS]
"""A constant or a ramp."""


def value_at(scheduled: float | Ramp, share: float) -> float:
    """The value at a share of training, in [0, 1]."""
    if not isinstance(scheduled, tuple):
        return scheduled
    before = None
    for point in scheduled:
        if point[0] > share:
            return point[1] if before is None else _between(before, point, share)
        before = point
    return scheduled[-1][1]


def values_of(scheduled: float | Ramp) -> tuple[float, ...]:
    """The values of all points; between them there is none below the smallest or above the
    largest."""
    if isinstance(scheduled, tuple):
        return tuple(point[1] for point in scheduled)
    return (scheduled,)


def _point(given: Any) -> Point:
    if (
        not isinstance(given, list | tuple)
        or len(given) not in (2, 3)
        or not all(map(_is_number, given[:2]))
    ):
        raise ValueError("should have points [share of training, value], both numbers")
    share, value = float(given[0]), float(given[1])
    if len(given) == 2:
        return share, value
    if given[2] != COSINE:
        raise ValueError(f"has a point whose third part is not {COSINE}")
    return share, value, COSINE


def _is_number(x: Any) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool) and isfinite(x)


def _between(first: Point, second: Point, share: float) -> float:
    done = (share - first[0]) / (second[0] - first[0])
    if second[2:] == (COSINE,):
        done = 0.5 * (1 - cos(pi * done))
    return first[1] + (second[1] - first[1]) * done
