"""The terminal, and small things commands share."""

import io
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import RenderableType

from nas.cli.volume import quiet
from nas.files import write_output
from nas.report.terminal import Terminal
from nas.schema.visible import visible

if TYPE_CHECKING:
    from nas.ledger import Ledger


class PatientConsole(Terminal):
    """Falls silent when its reader goes, `head` perhaps: a campaign does not end for that."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


console = PatientConsole()


def put(text: str, output: Path | None) -> None:
    """Prints a program's or a document's text, or writes it to a file."""
    if output is None:
        echo(text, nl=False, lines=True)
    else:
        write(output, text)


def put_shown(output: Path | None, *parts: RenderableType) -> None:
    """Prints what a person reads, or writes it to a file, wide and without colours. A string is
    printed as long as it is: no terminal's width breaks a path."""
    shown = console if output is None else Terminal(file=io.StringIO(), width=200)
    for part in parts:
        shown.print(part, soft_wrap=isinstance(part, str))
    if output is not None:
        assert isinstance(shown.file, io.StringIO)
        write(output, shown.file.getvalue())


def write(output: Path, content: str | bytes) -> int:
    """Writes a file that a person named; its bytes. Every command's output goes through here.

    Raises UsageError for a ledger that is open, and as `write_output` does.
    """
    from nas.ledger.output_paths import check_output

    check_output(output)
    return write_output(output, content)


def echo(text: object = "", *, err: bool = False, nl: bool = True, lines: bool = False) -> None:
    """Prints one line, whatever the names in it hold; with `lines` as many as a document has.
    Nothing in it steers a terminal."""
    typer.echo(visible(str(text), lines=lines), err=err, nl=nl)


def note(text: object) -> None:
    """Prints one line beside the answer, on the other stream; nothing with `-q`."""
    if not quiet():
        echo(text, err=True)


def echo_json(data: object) -> None:
    """Prints data as one line of JSON, in ASCII: whatever a text holds is escaped."""
    typer.echo(json.dumps(data))


def says_yes(question: str, *, default: bool = False) -> bool:
    """Whether a person at a terminal says yes; no, where there is nobody to ask."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        return False
    return typer.confirm(visible(question), default=default, err=True)


def open_if_there(db: str) -> "Ledger | None":
    """The ledger for reading; None where there is no file yet."""
    from nas.ledger import Ledger
    from nas.ledger.address import is_url

    if not is_url(db) and not Path(db).exists():
        return None
    return Ledger(db)
