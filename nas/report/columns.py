"""The columns of a table for people: bounds of intervals in one column, empty columns omitted."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from nas.report.cells import MISSING, cell, header

Table = Mapping[str, Sequence[Any]]
"""Values by column, all of one length; None and NaN are missing."""
INTERVAL = "95 % CI"
WIDEST = 30
"""Maximum width of a column in characters; longer text wraps."""
NARROW = 20
"""That of a column of words, if more columns fit then."""
HEADER_LINES = 2


@dataclass(frozen=True)
class Column:
    """One column's text."""

    name: str
    """That of its values; of an interval, that of the upper bound."""
    header: str
    numeric: bool
    cells: list[str]

    @property
    def of_last(self) -> bool:
        """Whether it is the interval of the column before it."""
        return self.header == INTERVAL

    @property
    def width(self) -> int:
        """Width in characters. A cell wraps at WIDEST, a header between words into HEADER_LINES."""
        longest = max(map(len, self.cells), default=0)
        return max(_header_width(self.header), min(WIDEST, longest))

    @property
    def narrow(self) -> int:
        """Width of a column of words where there is little room: a cell wraps at NARROW, but never
        within a word."""
        words = (word for text in self.cells for word in text.split(" "))
        least = max(NARROW, _header_width(self.header), max(map(len, words), default=0))
        return self.width if self.numeric else min(self.width, least)


def columns_of(table: Table, limit: int | None = None) -> tuple[list[Column], int]:
    """Columns with the cells of the first `limit` rows, and the number of columns that are omitted
    because no row has a value in them.

    `x_low` and `x_high` are the bounds of a 95 % interval of `x`, `x_rate` or `x_acc`; `low` and
    `high` those of the column before. They become one column.
    """
    found, empty = [], 0
    before = ""
    for name, values in table.items():
        stem = _stem(name, table)
        if stem is not None and name.endswith("low"):
            continue  # written with the upper bound
        if values and all(map(_is_empty, values)):
            empty += 1
        elif stem is None:
            cells = [cell(name, value) for value in values[:limit]]
            found.append(Column(name, header(name), _numeric(values), cells))
        else:
            cells = list(_intervals(table, name, limit))
            found.append(Column(name, _interval_header(stem, before, table), True, cells))
        before = name
    return found, empty


def _stem(name: str, table: Table) -> str | None:
    """The column whose interval this one bounds, "" for the column before; None if none."""
    for end, other in (("low", "high"), ("high", "low")):
        if name == end or name.endswith(f"_{end}"):
            stem = name.removesuffix(end)
            return stem.removesuffix("_") if f"{stem}{other}" in table else None
    return None


def _interval_header(stem: str, before: str, table: Table) -> str:
    """`95 % CI` right after its estimate, which has the unit; elsewhere with its name."""
    estimates = [stem, f"{stem}_rate", f"{stem}_acc"]
    if not stem or before in estimates:
        return INTERVAL
    name = next((name for name in estimates if name in table), stem)
    return f"{INTERVAL}, {header(name)}"


def _intervals(table: Table, high: str, limit: int | None) -> Iterator[str]:
    low = f"{high.removesuffix('high')}low"
    for ends in zip(table[low][:limit], table[high][:limit], strict=True):
        text = [cell(name, end) for name, end in zip((low, high), ends, strict=True)]
        yield MISSING if text == [MISSING, MISSING] else f"[{', '.join(text)}]"


def _is_empty(value: Any) -> bool:
    """Whether a value is missing, False or empty text."""
    if isinstance(value, float):
        return math.isnan(value)
    return value is None or value is False or value == ""


def _numeric(values: Sequence[Any]) -> bool:
    known = [value for value in values if value is not None]
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in known)


def _header_width(text: str) -> int:
    """The smallest width at which a header takes at most HEADER_LINES lines."""
    words = text.split(" ")
    return next(
        width
        for width in range(max(map(len, words)), len(text) + 1)
        if len(wrap(text, width, break_long_words=False)) <= HEADER_LINES
    )
