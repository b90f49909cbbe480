"""The files of a ledger that is open: SQLite's database and its log, the file ending in -wal.

SQLite never looks at their names again after it has opened them, and goes on writing into files
that nobody can find; so their identity is looked at around every transaction. What is committed is
in the log first: it is folded into the database after each result, and when the ledger closes.
"""

import os
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote
from weakref import finalize

from sqlalchemy import URL, Engine
from sqlalchemy.pool import QueuePool

from nas.ledger.address import file_of, place
from nas.ledger.trouble import plain_errors
from nas.spec import ProblemError

_RECORDED = (
    "SELECT (SELECT id FROM identity), (SELECT count(*) FROM attempts WHERE outcome IS NOT NULL),"
    " (SELECT total(worked_seconds) FROM campaigns)"
)
"""Which ledger it is, and what only grows while a campaign runs."""
_WAIT_SECONDS = 1.0


class Storage:
    """Of a ledger on a server there are no files: then nothing is done."""

    def __init__(self, url: URL, engine: Engine, *, read_only: bool) -> None:
        self.path = file_of(url)
        self._url = url
        self._engine = engine
        self._writes = self.path is not None and not read_only
        self._file = self._identity()
        self._log: tuple[int, int] | None = None
        # At the latest when the process ends: SQLite leaves all in its log where nobody closes it.
        self._closing = finalize(self, _close, engine, fold=self._writes)

    def check(self) -> None:
        """Raises ProblemError where the files have been removed or replaced since they were opened.

        To be asked before and after each transaction.
        """
        if not self.is_there():
            self._abandon()
            raise ProblemError(
                "the ledger was removed or replaced while in use",
                where=place(self._url),
                fix="open it again; nothing more is written to what was opened before",
            )
        log = self._identity("-wal")
        if self._log not in (None, log):
            self._abandon()
            raise ProblemError(
                "the ledger's log, the file ending in -wal, was removed or replaced while in use:"
                " what was recorded after the last result may be lost",
                where=place(self._url),
                fix="leave that file to SQLite; `nas resume` goes on from what the ledger has",
            )
        self._log = log if self._writes else None

    def is_there(self) -> bool:
        """Whether the database that was opened is the one that has its name."""
        return self._file == self._identity()

    def fold_in(self) -> None:
        """Moves what was committed from the log into the database, so that the file alone has it,
        and looks whether it has. Waits for nobody: what a reader still needs of the log stays there
        as well.

        Raises ProblemError where the file has something else: it was written over.
        """
        if self.path is None or not self._writes:
            return
        _fold(self._engine, "PASSIVE")
        own, there = self._recorded(), _recorded_there(self.path)
        if there is None:
            return
        if there[:1] != own[:1] or any(a < b for a, b in zip(there[1:], own[1:], strict=True)):
            self._abandon()
            raise ProblemError(
                "the ledger was written over while in use: it has not what was recorded",
                where=place(self._url),
                fix="go back to a backup; `nas doctor` looks at every row",
            )

    def copy_into(self, copy: sqlite3.Connection) -> None:
        """Copies the database, which is SQLite's, as it is at one moment; writers may go on."""
        with plain_errors(self._url), closing(self._engine.raw_connection()) as connection:
            source: Any = connection.driver_connection
            source.backup(copy)

    def close(self) -> None:
        """Folds the log in and closes every connection; the next use opens another."""
        _close(self._engine, fold=self._writes)
        self._log = None

    def _abandon(self) -> None:
        """Nothing more is written: what is there now may be in use by others."""
        self._closing.detach()
        self._closing = finalize(self, _close, self._engine, fold=False)

    def _identity(self, ending: str = "") -> tuple[int, int] | None:
        """Which file it is, or the one beside it; None where there is none."""
        if self.path is None:
            return None
        try:
            found = self.path.with_name(f"{self.path.name}{ending}").stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino

    def _recorded(self) -> tuple[Any, ...]:
        with plain_errors(self._url), closing(self._engine.raw_connection()) as connection:
            return tuple(connection.cursor().execute(_RECORDED).fetchone())


def _recorded_there(file: Path) -> tuple[Any, ...] | None:
    """As anybody reads it who opens the file now; nothing where it is no such file, None where it
    cannot be told, for somebody has it locked."""
    # By SQLite alone: a file that this process closes by itself loses SQLite's locks on it.
    where = f"file:{quote(os.fsencode(file))}?mode=ro"
    try:
        with closing(sqlite3.connect(where, uri=True, timeout=_WAIT_SECONDS)) as connection:
            return tuple(connection.execute(_RECORDED).fetchone())
    except sqlite3.DatabaseError as error:
        return None if "locked" in str(error) else ()


def _fold(engine: Engine, how: str) -> None:
    """PASSIVE: as far as readers let it; TRUNCATE: all, and empties the log. Where it cannot, on a
    full disk, the log keeps it."""
    with closing(engine.raw_connection()) as connection, suppress(sqlite3.Error):
        connection.cursor().execute(f"PRAGMA wal_checkpoint({how})")


def _close(engine: Engine, *, fold: bool) -> None:
    # Where no connection is open there is nothing to fold in, and opening one might make a file.
    if fold and isinstance(engine.pool, QueuePool) and engine.pool.checkedin():
        _fold(engine, "TRUNCATE")
    engine.dispose()
