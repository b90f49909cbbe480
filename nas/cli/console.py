"""The terminal, and small things commands share."""

from pathlib import Path

from rich.console import Console

from nas.ledger import Ledger

console = Console()


def open_if_there(db: str) -> Ledger | None:
    """The ledger for reading; None where there is no file yet."""
    if "://" not in db and not Path(db).exists():
        return None
    return Ledger(db)
