"""A DataFrame as a terminal's table, JSON, CSV, Markdown or LaTeX."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from csv import QUOTE_NONNUMERIC
from dataclasses import dataclass
from itertools import accumulate, takewhile
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
    rows; its footer has `note` and counts the omitted rows and columns. What does not fit, up to
    the column in the DataFrame's `attrs["through"]`, follows below, beside the rows' names again.
    Without rows, the formats for people show the reason in `attrs["empty"]`. Raises UsageError for
    an unknown format.
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
    through: int = 0
    """How many of the first columns are shown on any terminal."""

    @classmethod
    def of(
        cls,
        table: "pd.DataFrame | Sequence[Mapping[str, Any]]",
        title: str,
        note: str,
        limit: int | None,
    ) -> "_Page":
        columns, dropped = columns_of(_values(table), limit)
        given = getattr(table, "attrs", {})
        why = "" if len(table) else given.get("empty", "")
        names = [column.name for column in columns]
        last = given.get("through", "")
        return cls(
            title=visible(title),
            note=visible(note),
            columns=columns,
            rows=len(table) if limit is None else min(limit, len(table)),
            total=len(table),
            dropped=dropped,
            empty=visible(str(why)),
            through=names.index(last) + 1 if last in names else 0,
        )

    def lines(self, columns: Iterable[int]) -> Iterator[tuple[str, ...]]:
        """The cells of each row, of the columns with these numbers."""
        return zip(*(self.columns[n].cells for n in columns), strict=True)

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
        blocks = list(self._blocks(options.max_width))
        for number, (shown, widths) in enumerate(blocks, start=1):
            ends = number == len(blocks)
            table = Table(
                title=self.title or None if number == 1 else None,
                title_justify="left",
                caption=self.footer(shown[-1] + 1) if ends else None,
                caption_justify="left",
                box=SIMPLE_HEAD,
                pad_edge=False,
            )
            for n, width in zip(shown, widths, strict=True):
                column = self.columns[n]
                justify: JustifyMethod = "right" if column.numeric else "left"
                table.add_column(column.header, justify=justify, width=width, overflow="fold")
            for row in self.lines(shown):
                table.add_row(*map(Text, row))  # Text, so that brackets are not markup
            yield table

    def _blocks(self, width: int) -> Iterator[tuple[list[int], list[int]]]:
        """The numbers of the columns of each table that is printed below the one before, and their
        widths. All but the first begin with the columns of words that name the rows."""
        names = list(takewhile(lambda n: not self.columns[n].numeric, range(len(self.columns))))
        start: list[int] = []
        done = 0
        while done == 0 or done < self.through:
            waiting = [*start, *range(done, len(self.columns))]
            widths = [self.columns[n].width for n in waiting]
            narrow = [self.columns[n].narrow for n in waiting]
            count = self._fitting(waiting, widths, width, len(start) + 1)
            if (more := self._fitting(waiting, narrow, width, len(start) + 1)) > count:
                widths, count = narrow, more
            yield waiting[:count], widths[:count]
            done = waiting[count - 1] + 1
            start = [n for n in names if n < done]

    def _fitting(self, numbers: Sequence[int], widths: Sequence[int], most: int, least: int) -> int:
        """How many of the columns with these numbers fit, at least so many; never a value without
        its interval. Each has 3 characters of space beside it, but the table's edges have only
        2."""
        ends = accumulate(width + 3 for width in widths)
        count = max(least, sum(so_far - 1 <= most for so_far in ends))
        parted = count < len(numbers) and self.columns[numbers[count]].of_last
        return count - 1 if parted and count > least else count


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
    lines += [line(row) for row in page.lines(range(len(page.columns)))]
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
        lines += [line(row) for row in page.lines(range(len(page.columns)))]
        lines += [r"\bottomrule", r"\end{tabular}"]
    return "\n".join([*lines, f"% {page.footer(len(page.columns))}"]) + "\n"
