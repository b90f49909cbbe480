"""What a figure of an instrument is called and means, and which figures to read first."""

from collections.abc import Iterable
from functools import cache

from nas.diagnose.legends.base import Caution, Figure, Legend, Unit, matches, named
from nas.measure.other_work import TOO_BUSY
from nas.registry import LEGENDS

MOST_HEADLINES = 8
"""Figures of one instrument that are read first, where its patterns fit more."""
OTHER_WORK = "other_work"
LOAD = "load_average"
OF_TIMES = (
    Figure(
        OTHER_WORK,
        "CPUs used by other programs meanwhile",
        Unit.SHARE,
        "The machine's busy CPU time while it was measured, less that of the process that measures,"
        " over all of its CPU time.",
        caution=Caution(TOO_BUSY, "times are too long: measure again when idle"),
    ),
    Figure(
        LOAD,
        "load average meanwhile",
        Unit.NUMBER,
        "The machine's load average of the last minute, at the end.",
    ),
)
"""Figures that are recorded with every instrument that has to work alone."""


@cache
def legend(instrument: str) -> type[Legend] | None:
    """The instrument's legend, if it has one."""
    known = instrument in LEGENDS.names()
    return LEGENDS.subclass(instrument, Legend) if known else None


def explained(instrument: str, name: str) -> Figure:
    """The meaning of a figure. One that no legend has is titled by its name."""
    known = legend(instrument)
    figures = (*(known.figures if known else ()), *OF_TIMES)
    return named(figures, name) or Figure(name, name, Unit.NUMBER, "")


def headlines(instrument: str, names: Iterable[str]) -> list[str]:
    """Of an instrument's figures those to read first; the first ones, where its legend has none of
    them."""
    names = list(names)
    known = legend(instrument)
    first = [name for name in names if known and matches(known.headlines, name)]
    return (first or names)[:MOST_HEADLINES]
