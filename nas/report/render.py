"""A DataFrame as a terminal's table, JSON, CSV, Markdown or LaTeX."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from csv import QUOTE_NONNUMERIC
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, JustifyMethod, RenderableType, RenderResult
from rich.table import Table
from rich.text import Text

from nas.report.columns import Column, columns_of
from nas.report.columns import Table as Values
from nas.report.escape import csv_cell, latex, markdown
from nas.schema import UsageError, did_you_mean
from nas.schema.problem import printable
from nas.schema.visible import visible

if TYPE_CHECKING:
    import pandas as pd

ROWS = 60
"""Maximum number of rows on a terminal."""
FORMATS = ("table", "json", "csv", "md", "latex")


def render(
    table: "pd.DataFrame | Sequence[Mapping[str, Any]]",
    format: str,
    *,
    title: str = "",
    note: str = "",
    limit: int | None = ROWS,
) -> RenderableType:
    """A DataFrame, or records, for people (`table`, `md`, `latex`) or scripts (`csv`, `json`).

    CSV and JSON have every column in full precision; JSON is a list of records with null for
    missing values. The formats for people have shares in percent, intervals in one column, and no
    empty columns. A `table` has the columns that fit the terminal's width and the first `limit`
    rows; its footer has `note` and counts the omitted rows and columns. Without rows, the formats
    for people show the reason in the DataFrame's `attrs["empty"]`. Raises UsageError for an unknown
    format.
    """
    if format in ("csv", "json"):
        import pandas as pd

        frame = table if isinstance(table, pd.DataFrame) else _frame(table)
        return csv_text(frame) if format == "csv" else _json(frame)
    if format not in FORMATS:
        raise UsageError(f"no format {format!r}", fix=did_you_mean(format, FORMATS))
    page = _Page.of(table, title, note, limit if format == "table" else None)
    if format == "table":
        return page
    return _markdown(page) if format == "md" else _latex(page)


def _frame(records: Sequence[Mapping[str, Any]]) -> "pd.DataFrame":
    """Records as objects: pandas' text cannot hold a file's name that is not Unicode, and its
    numbers would make a fraction of 1 beside a missing one."""
    import pandas as pd

    columns = list(dict.fromkeys(name for record in records for name in record))
    rows = [[record.get(name) for name in columns] for record in records]
    return pd.DataFrame(rows, columns=columns, dtype="object")


@dataclass(frozen=True)
class _Page:
    """A table's text in full width; it is fitted to the terminal when printed."""

    title: str
    note: str
    columns: Sequence[Column]
    rows: int
    total: int
    """Rows before the limit."""
    dropped: int
    """Number of omitted empty columns."""
    empty: str = ""
    """Why there are no rows."""

    @classmethod
    def of(
        cls,
        table: "pd.DataFrame | Sequence[Mapping[str, Any]]",
        title: str,
        note: str,
        limit: int | None,
    ) -> "_Page":
        columns, dropped = columns_of(_values(table), limit)
        why = "" if len(table) else getattr(table, "attrs", {}).get("empty", "")
        return cls(
            title=visible(title),
            note=visible(note),
            columns=columns,
            rows=len(table) if limit is None else min(limit, len(table)),
            total=len(table),
            dropped=dropped,
            empty=visible(str(why)),
        )

    def lines(self, columns: int | None = None) -> Iterator[tuple[str, ...]]:
        """The cells of each row, of the first `columns`."""
        return zip(*(column.cells for column in self.columns[:columns]), strict=True)

    def footer(self, columns: int) -> str:
        rows = f"{self.total:,} row{'s'[: self.total != 1]}"
        if self.rows < self.total:
            rows = f"{self.rows} of {rows}"
        parts = [self.note, rows] if self.note else [rows]
        if self.dropped:
            parts.append(f"{self.dropped} empty column{'s'[: self.dropped != 1]} left out")
        if hidden := len(self.columns) - columns:
            more = f"{hidden} more column{'s'[: hidden != 1]}"
            parts.append(f"{more} with -f csv, or on a wider terminal")
        return "; ".join(parts)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        if not self.total or not self.columns:  # no header without rows
            last = self.note if self.empty else self.footer(len(self.columns))
            yield from map(Text, filter(None, (self.title, self.empty, last)))
            return
        widths = [column.width for column in self.columns]
        count = _fitting(widths, options.max_width)
        narrow = [column.narrow for column in self.columns]
        if (more := _fitting(narrow, options.max_width)) > count:
            widths, count = narrow, more
        table = Table(
            title=self.title or None,
            title_justify="left",
            caption=self.footer(count),
            caption_justify="left",
            box=SIMPLE_HEAD,
            pad_edge=False,
        )
        for column, width in zip(self.columns[:count], widths, strict=False):
            justify: JustifyMethod = "right" if column.numeric else "left"
            table.add_column(column.header, justify=justify, width=width, overflow="fold")
        for row in self.lines(count):
            table.add_row(*map(Text, row))  # Text, so that brackets are not markup
        yield table


def _fitting(widths: Sequence[int], most: int) -> int:
    """How many of the first columns fit, at least one. Each has 3 characters of space beside it,
    but the table's edges have only 2."""
    return max(1, sum(so_far - 1 <= most for so_far in accumulate(width + 3 for width in widths)))


def _values(table: "pd.DataFrame | Sequence[Mapping[str, Any]]") -> Values:
    """Values by column as Python objects, None if missing."""
    if isinstance(table, Sequence):
        names = list(dict.fromkeys(name for record in table for name in record))
        return {name: [record.get(name) for record in table] for name in names}
    return {
        str(name): [
            None if missing else value
            for value, missing in zip(table[name].tolist(), table[name].isna(), strict=True)
        ]
        for name in table.columns
    }


def _json(frame: "pd.DataFrame") -> str:
    text = _texts(frame, printable).to_json(
        orient="records", date_format="iso", date_unit="us", double_precision=15, indent=1
    )
    return f"{text}\n".replace("\x7f", "\\u007f")  # the only control character pandas keeps


def csv_text(frame: "pd.DataFrame") -> str:
    """A DataFrame as CSV without text that a spreadsheet takes for a formula. All text is quoted,
    because some spreadsheets also split cells at `;`."""
    safe = _texts(frame, csv_cell)
    safe.columns = frame.columns.map(lambda name: csv_cell(str(name)))
    return safe.to_csv(index=False, lineterminator="\n", quoting=QUOTE_NONNUMERIC)


def _texts(frame: "pd.DataFrame", write: Callable[[str], str]) -> "pd.DataFrame":
    """A copy of a DataFrame with `write` applied to all its text; numbers are unchanged."""
    import pandas as pd

    safe = frame.copy(deep=False)
    for n, dtype in enumerate(frame.dtypes):
        if dtype.kind == "O":
            cells = [write(cell) if isinstance(cell, str) else cell for cell in frame.iloc[:, n]]
            safe.isetitem(n, pd.Series(cells, dtype="object").array)
    return safe


def _markdown(page: _Page) -> str:
    def line(cells: Iterable[str]) -> str:
        return "| " + " | ".join(map(markdown, cells)) + " |"

    lines = [f"## {markdown(page.title)}", ""] if page.title else []
    if page.empty:
        return "\n".join([*lines, markdown(page.empty), "", markdown(page.note)]) + "\n"
    rule = " | ".join("---:" if column.numeric else "---" for column in page.columns)
    lines += [line(column.header for column in page.columns), f"| {rule} |"]
    lines += [line(row) for row in page.lines()]
    lines += ["", markdown(page.footer(len(page.columns)))]
    return "\n".join(lines) + "\n"


def _latex(page: _Page) -> str:
    """A LaTeX `tabular` for the package booktabs; title and footer are comments around it."""

    def line(cells: Iterable[str]) -> str:
        return " & ".join(map(latex, cells)) + r" \\"

    lines = [f"% {text}" for text in (page.title, page.empty) if text]
    if not page.empty:
        kinds = "".join("r" if column.numeric else "l" for column in page.columns)
        lines += [rf"\begin{{tabular}}{{{kinds}}}", r"\toprule"]
        lines += [line(column.header for column in page.columns), r"\midrule"]
        lines += [line(row) for row in page.lines()]
        lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*lines, f"% {page.footer(len(page.columns))}"]) + "\n"
