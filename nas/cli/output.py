"""Prints results as a table, or in a format for documents or programs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer
from rich.console import RenderableType

from nas.cli.console import console, put, put_shown
from nas.report import render
from nas.report.labels import with_labels
from nas.report.render import ROWS
from nas.report.terminal import Terminal
from nas.schema import Space

if TYPE_CHECKING:
    import pandas as pd

FEW_ROWS = 20
"""Rows of a table that is printed next to others at a command's end."""
Form = Literal["table", "json", "csv", "md", "latex"]


_SUFFIXES: dict[str, Form] = {
    ".json": "json",
    ".csv": "csv",
    ".md": "md",
    ".tex": "latex",
    ".txt": "table",
    "": "table",
}
"""Formats by the suffix of an output file."""


def form_of(form: Form | None, as_json: bool, output: Path | None = None) -> Form:
    """The chosen format; by default the one that the output file's name ends in, or a table.
    `--json` means `-f json`. Raises BadParameter for both `--json` and another format, and for a
    file that names no format where no other is chosen."""
    if as_json and form not in (None, "table", "json"):
        raise typer.BadParameter(f"--json contradicts -f {form}: leave out one of the two")
    if as_json:
        return "json"
    if form is not None or output is None:
        return form or "table"
    suffix = output.suffix.lower()
    if suffix not in _SUFFIXES:
        known = ", ".join(filter(None, _SUFFIXES))
        raise typer.BadParameter(
            f"no format is known by {suffix}: name the file {known}, or choose one with --format",
            param_hint="--output",
        )
    return _SUFFIXES[suffix]


def progress_console(form: Form) -> Terminal:
    """Where progress is shown: stderr if stdout is for a program or a document."""
    return console if form == "table" else Terminal(stderr=True)


def rendered_analysis(
    answer: "pd.DataFrame",
    form: Form,
    title: str,
    campaign: str | None = None,
    *,
    limit: int | None = ROWS,
    space: Space | None = None,
) -> RenderableType:
    """An analysis' table as `nas.report.render` gives it, with its own note after the campaign. For
    people, candidates of a `space` of arms are named by their variants, and figures of instruments
    by their titles."""
    if form not in ("csv", "json"):
        from nas.report.findings import for_people

        answer = for_people(with_labels(answer, space), every=form != "table")
    notes = (campaign and f"campaign {campaign}", answer.attrs.get("note"))
    note = "; ".join(filter(None, notes))
    return render(answer, form, title=title, note=note, limit=limit)


def print_records(
    form: Form,
    records: Sequence[Mapping[str, Any]],
    *,
    shown: Sequence[RenderableType] | None = None,
    document: object = None,
    title: str = "",
    note: str = "",
    output: Path | None = None,
) -> None:
    """Prints records, one per row, in a format, or writes them to a file.

    `shown` replaces the rows in the format `table`, `document` in `json`.
    """
    if form == "json":
        data = list(records) if document is None else document
        put(f"{json.dumps(data)}\n", output)
    elif form == "table":
        parts = [render(records, "table", title=title, note=note)] if shown is None else shown
        put_shown(output, *parts)
    else:
        text = render(records, form, title=title, note=note, limit=None)
        assert isinstance(text, str)
        put(text, output)


def print_facts(
    form: Form,
    facts: Mapping[str, Any],
    *,
    shown: Sequence[RenderableType],
    output: Path | None = None,
) -> None:
    """As `print_records`, for one record: JSON contains all facts, other formats only numbers and
    text."""
    row = {name: value for name, value in facts.items() if not isinstance(value, dict | list)}
    print_records(form, [row], shown=shown, document=facts, output=output)
