"""Prints results as a table, or in a format for documents or programs."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import typer
from rich.console import RenderableType

from nas.cli.console import put, put_shown
from nas.report import render

Form = Literal["table", "json", "csv", "md", "latex"]


def form_of(form: Form, as_json: bool) -> Form:
    """The chosen format; `--json` means `-f json`. Raises BadParameter for both `--json` and
    another format."""
    if as_json and form not in ("table", "json"):
        raise typer.BadParameter(f"--json contradicts -f {form}: leave out one of the two")
    return "json" if as_json else form


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
