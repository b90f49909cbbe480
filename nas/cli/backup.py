"""`nas backup`: a consistent copy of a ledger."""

from pathlib import Path
from typing import Annotated

import typer

from nas.cli import options
from nas.cli.output import form_of, print_facts


def backup(
    file: Annotated[Path, typer.Argument(help="A new file for the copy.")],
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    form: options.Format = "table",
    as_json: options.Json = False,
    db: options.Db = "runs.db",
) -> None:
    """Copy a ledger into one file, complete and consistent, also of a running campaign.

    `cp` may miss what SQLite keeps in a file beside it. Checkpoints, weights and the expert bank
    are in the folder beside the ledger, and are not copied: copy that folder too. To go back, end
    what uses the ledger, remove what ends in -wal and -shm beside it, which SQLite would write over
    the copy, and put the copy in the ledger's place.

    Example: `nas backup runs-monday.db`
    """
    from nas.ledger import Ledger
    from nas.ledger.backup import backup as write

    chosen = form_of(form, as_json)
    ledger = Ledger(db, older=True)
    size = write(ledger, file, force=force)
    line = f"{file}: {size / 1e6:.1f} MB. Weights and checkpoints are not in it."
    print_facts(chosen, {"file": str(file), "bytes": size}, shown=[line])


def register(app: typer.Typer) -> None:
    """Adds this module's command."""
    app.command()(backup)
