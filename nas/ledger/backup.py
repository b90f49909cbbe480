"""A copy of a ledger as it is at one moment, also while a campaign writes to it."""

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
    """Writes one file that is a ledger with all that was committed; its bytes.

    Raises ProblemError for a ledger on a server and for one whose copy is not sound, UsageError
    for a file that is there already, unless `force` says to replace it, another ledger too, and for
    the ledger itself and what belongs to one; OSError where it cannot be written.
    """
    if ledger.storage.path is None:
        raise ProblemError(
            "this ledger is a PostgreSQL database, which has tools of its own",
            where=ledger.place,
            fix="pg_dump --format=custom --file=runs.dump, and the same database",
        )
    check_output(to, database=True)
    if to.is_file() and not force:
        raise UsageError(
            "there is a file already", where=str(to), fix="replace it with --force, or name another"
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
                f"what was copied is damaged: {integrity}",
                where=ledger.place,
                fix="`nas doctor` says more; keep the backups that there are",
            )
    return to.stat().st_size
