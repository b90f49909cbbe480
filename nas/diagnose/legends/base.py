"""The contract of legends: every figure's title, unit and meaning."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from string import Formatter
from typing import ClassVar


class Unit(StrEnum):
    """What a recorded number counts. Shares are recorded in [0, 1], and printed in percent."""

    SHARE = "share"
    DIFFERENCE = "difference of shares"
    """Printed in percentage points."""
    POINTS = "percentage points"
    COUNT = "count"
    YES = "1 for yes, 0 for no"
    NUMBER = "number"
    """Without a unit: a ratio, a coefficient, a position on a line."""
    MILLISECONDS = "ms"
    RATE = "images/s"
    NATS = "nats"
    CURVATURE = "nats per squared unit of the parameters"
    DEVIATIONS = "standard deviations"


class Form(StrEnum):
    """What the numbers of one figure are."""

    EACH = "one number, or one for each of several things"
    INTERVAL = "the two ends of an interval"
    QUARTILES = "lower quartile, median and upper quartile"


@dataclass(frozen=True, slots=True)
class Caution:
    """When a figure says that the instrument's others are not to be relied on."""

    above: float
    text: str
    """What people read beside a number above it, as a clause."""


@dataclass(frozen=True, slots=True)
class Figure:
    """The meaning of a figure, or of all whose names have one pattern."""

    name: str
    """`{split}.acc` stands for `val.acc` and `test.acc`: a field is any text without a dot."""
    title: str
    """A few plain words; fields are filled in."""
    unit: Unit
    meaning: str
    """One sentence, with the formula if there is one."""
    form: Form = Form.EACH
    caution: Caution | None = None


class Legend:
    """A file in this folder holds one subclass, and says everything about one instrument's figures.

    `tests/diagnose` applies every instrument, and looks up each figure that it gives.
    """

    figures: ClassVar[tuple[Figure, ...]]
    headlines: ClassVar[tuple[str, ...]]
    """Names or patterns of the three to six figures to read first."""
    source: ClassVar[str] = ""
    """Where the figures are from, for the documentation."""


@cache
def _pattern(name: str) -> re.Pattern[str]:
    parts = Formatter().parse(name)
    return re.compile(
        "".join(
            re.escape(text) + (f"(?P<{field}>[^.]+)" if field else "") for text, field, *_ in parts
        )
    )


def named(figures: Iterable[Figure], name: str) -> Figure | None:
    """The figure of that name with its fields filled in; None if no figure has it."""
    for figure in figures:
        if found := _pattern(figure.name).fullmatch(name):
            title = figure.title.format(**found.groupdict())
            return Figure(name, title, figure.unit, figure.meaning, figure.form, figure.caution)
    return None


def matches(patterns: Iterable[str], name: str) -> bool:
    """Whether a figure's name has one of the patterns."""
    return any(_pattern(pattern).fullmatch(name) for pattern in patterns)
