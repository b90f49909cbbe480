"""The terminal, and small things commands share."""

import os
import sys
from pathlib import Path

from rich.console import Console

from nas.ledger import Ledger


class PatientConsole(Console):
    """Falls silent when its reader goes, `head` perhaps: a campaign does not end for that."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


console = PatientConsole()


def open_if_there(db: str) -> Ledger | None:
    """The ledger for reading; None where there is no file yet."""
    if "://" not in db and not Path(db).exists():
        return None
    return Ledger(db)
