"""What instruments found, as `nas show` and a candidate's card list it."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from nas.report.cells import cell

MOST_FIGURES = 16
"""Figures of an instrument that are listed; `nas report diagnose` has them all."""


MOST_NUMBERS = 8
"""Numbers of a figure that are listed; of more, how many there are, and their range."""


def findings(instrument: str, figures: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A row a figure of an instrument, `instrument`, `figure` and its `value` as text, several
    numbers in one; of many figures the first, and how many more there are."""
    for name, figure in islice(figures.items(), MOST_FIGURES):
        yield {"instrument": instrument, "figure": name, "value": _text(figure)}
    if (more := len(figures) - MOST_FIGURES) > 0:
        rest = f"{more} more: nas report diagnose"
        yield {"instrument": instrument, "figure": rest, "value": None}


def _text(figure: Any) -> str:
    if not isinstance(figure, list):
        return cell("", figure)
    if len(figure) <= MOST_NUMBERS:
        return " ".join(cell("", each) for each in figure)
    low, high = cell("", min(figure)), cell("", max(figure))
    return f"{len(figure)} values from {low} to {high}"
