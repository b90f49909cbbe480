"""Printing to the terminal and writing to files, for all commands."""

import io
import json
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import RenderableType
from rich.text import Text

from nas.cli.volume import quiet
from nas.files import write_output
from nas.report.terminal import Terminal
from nas.schema.visible import visible

if TYPE_CHECKING:
    from nas.ledger import Ledger


class PatientConsole(Terminal):
    """Prints nothing more once the pipe it writes to is closed; the campaign continues."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


console = PatientConsole()


class _Printed:
    """When this process's command began, or last printed something (`time.monotonic()`)."""

    at = time.monotonic()


def note_printed() -> None:
    """Notes that something was printed, or that a command begins."""
    _Printed.at = time.monotonic()


def printed_at() -> float:
    """When something was last printed (`time.monotonic()`)."""
    return _Printed.at


def put(text: str, output: Path | None) -> None:
    """Prints text for a program or a document, or writes it to a file."""
    if output is None:
        echo(text, nl=False, lines=True)
    else:
        write(output, text)


def put_shown(output: Path | None, *parts: RenderableType) -> None:
    """Prints tables and text for a person, or writes them to a file, 200 characters wide and
    without colours. Strings are not wrapped, so that paths stay whole; Text is wrapped between
    words, but only on a terminal: elsewhere a program may read it."""
    shown = console if output is None else Terminal(file=io.StringIO(), width=200)
    whole = str if shown.is_terminal else (str, Text)
    for part in parts:
        shown.print(part, soft_wrap=isinstance(part, whole))
    if output is not None:
        assert isinstance(shown.file, io.StringIO)
        write(output, shown.file.getvalue())


def write(output: Path, content: str | bytes) -> int:
    """Writes a command's output to a file and returns its size in bytes.

    Raises UsageError if the file is an open ledger, and as `write_output` does.
    """
    from nas.ledger.output_paths import check_output

    check_output(output)
    return write_output(output, content)


def echo(text: object = "", *, err: bool = False, nl: bool = True, lines: bool = False) -> None:
    """Prints one line, or with `lines` several. Control characters are escaped, so that a name can
    neither add a line nor control the terminal."""
    note_printed()
    typer.echo(visible(str(text), lines=lines), err=err, nl=nl)


def note(text: object) -> None:
    """Prints one line to stderr; nothing with `-q`."""
    if not quiet():
        echo(text, err=True)


def echo_json(data: object) -> None:
    """Prints data as one line of JSON, with all other characters than ASCII escaped."""
    typer.echo(json.dumps(data))


def says_yes(question: str, *, default: bool = False) -> bool:
    """Whether the user confirms; False without a terminal."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return typer.confirm(visible(question), default=default, err=True)


def open_if_there(db: str) -> "Ledger | None":
    """The ledger, read-only; None if its file does not exist."""
    from nas.ledger import Ledger
    from nas.ledger.address import is_url

    if not is_url(db) and not Path(db).exists():
        return None
    return Ledger(db)
