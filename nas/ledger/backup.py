"""A consistent copy of a ledger, even while a campaign writes to it."""

import sqlite3
from contextlib import closing
from pathlib import Path

from nas.files import replacing
from nas.ledger.database import lacking
from nas.ledger.errors import translate_errors
from nas.ledger.ledger import Ledger
from nas.ledger.output_paths import check_output
from nas.schema import ProblemError, UsageError


def backup(ledger: Ledger, to: Path, *, force: bool = False) -> int:
    """Writes a copy of the ledger with all committed data to one file; returns its bytes.

    Raises ProblemError for a ledger on a server and if the copy is damaged. Raises UsageError if
    the file exists, unless `force` is set, and always for this ledger and files that belong to a
    ledger. Raises OSError if the file cannot be written.
    """
    if ledger.storage.path is None:
        raise ProblemError(
            "this ledger is a PostgreSQL database: use PostgreSQL's own tools",
            where=ledger.place,
            fix="pg_dump --format=custom --file=runs.dump, and the same database",
        )
    check_output(to, database=True)
    if to.is_file() and not force:
        raise UsageError(
            "this file exists already", where=str(to), fix="add --force, or name another file"
        )
    with replacing(to) as fresh:
        ledger.storage.copy_into(fresh)
        with translate_errors(ledger.url), closing(sqlite3.connect(fresh)) as copy:
            [integrity] = copy.execute("PRAGMA integrity_check(1)").fetchone()
        missing = lacking(fresh) if integrity == "ok" else []
        if missing:
            integrity = f"{', '.join(missing)} missing"
        if integrity != "ok":
            raise ProblemError(
                f"the copy is damaged: {integrity}",
                where=ledger.place,
                fix="run `nas doctor` for details; keep your older backups",
            )
    return to.stat().st_size
