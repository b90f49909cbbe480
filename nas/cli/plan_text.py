"""Sizes of effects in the words of `nas plan`."""

from math import isnan

PROBABLY = "found with a probability of 80 %, if at least as large as:"


def known(effect: float, points: float | None = 1.0) -> float | None:
    """An effect in units of the noise times the noise; None where one of them is not known."""
    return None if isnan(effect) or points is None else effect * points


def size(effect: float, points: float | None) -> str:
    """An effect in points, or in standard deviations where the noise is not known."""
    if isnan(effect):
        return "too few"
    return f"{effect:.2f} sd" if points is None else f"{effect * points:.2f} points"
