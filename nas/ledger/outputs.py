"""What a person asks to be written never takes the place of a ledger that is open."""

from pathlib import Path

from nas.files import followed
from nas.ledger.address import file_of
from nas.ledger.ledger import OPENED
from nas.spec import UsageError

_ENDINGS = ("", "-wal", "-shm", "-journal")
"""Of the files that SQLite takes for one database."""


def check_output(path: Path) -> None:
    """Raises UsageError where `path`, over any link, is a ledger that this process has opened, or a
    file that SQLite keeps beside one."""
    target = followed(path)
    for ledger in filter(None, map(file_of, OPENED)):
        real = ledger.resolve()
        for taken in (real.with_name(f"{real.name}{ending}") for ending in _ENDINGS):
            if target == taken or (target.exists() and taken.exists() and target.samefile(taken)):
                raise UsageError(
                    "this is the ledger, or a file of it", where=str(path), fix="name a new file"
                )
