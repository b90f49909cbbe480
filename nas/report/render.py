"""A DataFrame as a terminal's table, CSV, JSON or Markdown."""

from collections.abc import Callable, Sequence
from csv import QUOTE_NONNUMERIC
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from nas.report.cells import cell, header
from nas.report.escape import csv_cell, markdown
from nas.schema import UsageError, did_you_mean
from nas.schema.problem import printable
from nas.schema.visible import visible

if TYPE_CHECKING:
    import pandas as pd

ROWS = 60
"""Rows a terminal gets."""
FORMATS = ("table", "csv", "json", "md")
WIDEST = 30
"""Characters a column may take before its text wraps."""


def render(
    frame: "pd.DataFrame",
    format: str,
    *,
    title: str = "",
    note: str = "",
    limit: int | None = ROWS,
) -> RenderableType:
    """A DataFrame for a person (`table`, `md`) or for a script (`csv`, `json`).

    Scripts get every column and full precision; JSON is a list of records with null for what is
    missing. A terminal gets the first columns that fit its width, shares in percent, and says how
    many it left out, as of rows beyond `limit`. `note` stands below. Where there are no rows, a
    person gets the frame's `attrs["empty"]`, which says why, in their place.
    """
    if format == "csv":
        return csv_text(frame)
    if format == "json":
        text = _texts(frame, printable).to_json(
            orient="records", date_format="iso", date_unit="us", double_precision=15, indent=1
        )
        return f"{text}\n".replace("\x7f", "\\u007f")  # the one control that pandas leaves
    if format not in FORMATS:
        raise UsageError(f"no format {format!r}", fix=did_you_mean(format, FORMATS))
    if format == "md":
        return _markdown(_Page.of(frame, title, note, limit=None))
    return _Page.of(frame, title, note, limit)


@dataclass(frozen=True)
class _Page:
    """A table's text, as wide as it comes; fitted when it is printed."""

    title: str
    note: str
    columns: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: Sequence[Sequence[str]]
    total: int
    """Rows before the limit."""
    empty: str = ""
    """Why there are none."""

    @classmethod
    def of(cls, frame: "pd.DataFrame", title: str, note: str, limit: int | None) -> "_Page":
        shown = frame if limit is None else frame.head(limit)
        columns = [[cell(name, value) for value in _plain(shown[name])] for name in shown.columns]
        return cls(
            title=visible(title),
            note=visible(note),
            columns=tuple(header(name) for name in frame.columns),
            numeric=tuple(frame[name].dtype.kind in "iuf" for name in frame.columns),
            rows=list(zip(*columns, strict=True)),
            total=len(frame),
            empty=visible(str(frame.attrs.get("empty", ""))) if frame.empty else "",
        )

    def widths(self) -> list[int]:
        """Characters of each column: a header may break between words, a cell at WIDEST."""
        return [
            max(
                *(len(word) for word in name.split(" ")),
                min(WIDEST, max((len(row[n]) for row in self.rows), default=0)),
            )
            for n, name in enumerate(self.columns)
        ]

    def footer(self, columns: int) -> str:
        rows = f"{self.total:,} row{'s'[: self.total != 1]}"
        if len(self.rows) < self.total:
            rows = f"{len(self.rows)} of {rows}"
        parts = [self.note, rows] if self.note else [rows]
        if hidden := len(self.columns) - columns:
            more = f"{hidden} more column{'s'[: hidden != 1]}"
            parts.append(f"{more} with --format csv, or on a wider terminal")
        return "; ".join(parts)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if self.empty:
            yield from map(Text, filter(None, (self.title, self.empty, self.note)))
            return
        widths = self.widths()
        needed = accumulate(width + 3 for width in widths)
        count = max(1, sum(so_far <= options.max_width for so_far in needed))
        table = Table(
            title=self.title or None,
            title_justify="left",
            caption=self.footer(count),
            caption_justify="left",
            box=SIMPLE_HEAD,
            pad_edge=False,
        )
        for n in range(count):
            justify: JustifyMethod = "right" if self.numeric[n] else "left"
            table.add_column(self.columns[n], justify=justify, width=widths[n], overflow="fold")
        for row in self.rows:
            table.add_row(*map(Text, row[:count]))  # what is in brackets is no markup
        yield table


def _plain(values: "pd.Series[Any]") -> list[Any]:
    """A column's values as Python's own, None where missing."""
    return [
        None if missing else value
        for value, missing in zip(values.tolist(), values.isna(), strict=True)
    ]


def csv_text(frame: "pd.DataFrame") -> str:
    """A DataFrame as CSV in which no text is a formula to a spreadsheet. Every text is quoted: some
    take `;` too for the end of a cell."""
    safe = _texts(frame, csv_cell)
    safe.columns = frame.columns.map(lambda name: csv_cell(str(name)))
    return safe.to_csv(index=False, lineterminator="\n", quoting=QUOTE_NONNUMERIC)


def _texts(frame: "pd.DataFrame", write: Callable[[str], str]) -> "pd.DataFrame":
    """A frame with all its texts written otherwise, its figures as they are."""
    safe = frame.copy(deep=False)
    for n, dtype in enumerate(frame.dtypes):
        if dtype.kind == "O":
            column = frame.iloc[:, n]
            texts = column.map(lambda value: write(value) if isinstance(value, str) else value)
            safe.isetitem(n, texts.array)
    return safe


def _markdown(page: _Page) -> str:
    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(map(markdown, cells)) + " |"

    rule = " | ".join("---:" if n else "---" for n in page.numeric)
    lines = [f"## {markdown(page.title)}", ""] if page.title else []
    if page.empty:
        return "\n".join([*lines, markdown(page.empty), "", markdown(page.note)]) + "\n"
    lines += [line(page.columns), f"| {rule} |"]
    lines += [line(row) for row in page.rows]
    lines += ["", markdown(page.footer(len(page.columns)))]
    return "\n".join(lines) + "\n"
