"""`nas backup`: a consistent copy of a ledger."""

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options
from nas.cli.output import form_of, print_facts
from nas.report.cells import disk


def backup(
    file: Annotated[Path, typer.Argument(help="New file for the copy.")],
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
    form: options.Format = "table",
    as_json: options.Json = False,
    db: options.Db = "runs.db",
) -> None:
    """Copy a ledger into one consistent file, even while a campaign runs.

    Plain `cp` may miss recent rows, which SQLite keeps in a second file. Checkpoints, weights and
    the expert bank are not copied: they are in the folder next to the ledger; copy that too. To
    restore, end every process that uses the ledger, delete its -wal and -shm files, which SQLite
    would otherwise apply to the copy, and put the copy in the ledger's place.

    Example: `nas backup runs-monday.db`
    """
    from nas.ledger import Ledger
    from nas.ledger.backup import backup as write

    chosen = form_of(form, as_json)
    ledger = Ledger(db, older=True)
    size = write(ledger, file, force=force)
    line = f"{file}: {disk(size)}. Weights and checkpoints are not in it."
    print_facts(chosen, {"file": str(file), "bytes": size}, shown=[line])


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(backup)
