"""What instruments found, as `nas show` and a candidate's card list it."""

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from nas.report.cells import cell

MOST_FIGURES = 16
"""Figures of an instrument that are listed; `nas report diagnose` has them all."""


def findings(instrument: str, figures: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """A row a figure of an instrument, `instrument`, `figure` and its `value` as text, several
    numbers in one; of many figures the first, and how many more there are."""
    for name, figure in islice(figures.items(), MOST_FIGURES):
        several = figure if isinstance(figure, list) else [figure]
        value = " ".join(cell("", each) for each in several)
        yield {"instrument": instrument, "figure": name, "value": value}
    if (more := len(figures) - MOST_FIGURES) > 0:
        rest = f"{more} more: nas report diagnose"
        yield {"instrument": instrument, "figure": rest, "value": None}
