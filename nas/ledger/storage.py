"""The files of a ledger that is open: SQLite's database, its log, the file ending in -wal, and the
log's index, which ends in -shm.

SQLite never looks at their names again after it has opened them, and goes on writing into files
that nobody can find; so their identity is looked at around every transaction. What is committed is
in the log first: it is folded into the database after each result, and when the ledger closes.
"""

import ctypes
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote
from weakref import finalize

from sqlalchemy import URL, Engine, event
from sqlalchemy.pool import QueuePool

from nas.ledger.address import display_url, file_of
from nas.ledger.errors import translate_errors, write_errors
from nas.schema import ProblemError

_RECORDED = (
    "SELECT (SELECT id FROM identity), (SELECT count(*) FROM attempts WHERE outcome IS NOT NULL),"
    " (SELECT total(worked_seconds) FROM campaigns)"
)
"""Which ledger it is, and what only grows while a campaign runs."""
_LOG = ("-wal", "-shm")
_WAIT_SECONDS = 1.0


class Storage:
    """Of a ledger on a server there are no files: then nothing is done."""

    def __init__(self, url: URL, engine: Engine, *, read_only: bool) -> None:
        self.path = file_of(url)
        self._url = url
        self._engine = engine
        self._writes = self.path is not None and not read_only
        self._files = _Files(self.path, display_url(url), with_log=self._writes)
        # Whoever asks for another connection, to tidy up perhaps: SQLite would make files anew.
        event.listen(engine, "do_connect", self._files.refuse)
        # At the latest when the process ends: SQLite leaves all in its log where nobody closes it.
        self._closing = finalize(self, _close, engine, self._files, fold=self._writes)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Around whatever is done with the database. Raises ProblemError for what its driver
        raises, and, before all else, where the files have been removed or replaced since they were
        opened; from then on nothing is read or written any more."""
        self._check()
        try:
            with translate_errors(self._url):
                yield
        except ProblemError:
            self._check()  # or a loss looks like a full disk
            raise
        self._check()
        self._files.note()

    def is_there(self) -> bool:
        """Whether the database that was opened is the one that has its name."""
        return self._files.gone() != ""

    def fold_in(self) -> None:
        """Moves what was committed from the log into the database, so that the file alone has it,
        and looks whether it has. Waits for nobody: what a reader still needs of the log stays there
        as well.

        Raises as `in_use` does, and ProblemError where the file has something else: it was written
        over.
        """
        if self.path is None or not self._writes:
            return
        with self.in_use():
            _fold(self._engine, "PASSIVE")
            own, there = self._recorded(), _recorded_there(self.path)
            if there is not None and not _goes_on(own, there):
                self._files.lost = ProblemError(
                    "the ledger was written over while in use: it has not what was recorded",
                    where=display_url(self._url),
                    fix="go back to a backup; `nas doctor` looks at every row",
                )

    def copy_into(self, file: Path) -> None:
        """Copies the database, which is SQLite's, as it is at one moment, into a new file that has
        it all; writers may go on. Raises OSError where that file cannot be written."""
        file.touch()  # what keeps it from being made, SQLite would not tell
        with self.in_use(), closing(self._engine.raw_connection()) as connection:
            source: Any = connection.driver_connection
            source.execute("SELECT 1 FROM sqlite_master").fetchall()  # or the copy gets the blame
            with write_errors(file, copying=True), closing(sqlite3.connect(file)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")

    def close(self) -> None:
        """Folds the log in and closes every connection; the next use opens another."""
        _close(self._engine, self._files, fold=self._writes)
        self._files.forget_log()

    def _check(self) -> None:
        try:
            self._files.check()
        except ProblemError:  # what is there now may be in use by others
            self._closing.detach()
            _leave_open(self._engine)
            raise

    def _recorded(self) -> tuple[Any, ...]:
        with closing(self._engine.raw_connection()) as connection:
            return tuple(connection.cursor().execute(_RECORDED).fetchone())


class _Files:
    """Which files have been opened, whatever has their names by now."""

    def __init__(self, path: Path | None, where: str, *, with_log: bool) -> None:
        self.lost: ProblemError | None = None
        """Why nothing is to be done with them any more; None while they are there."""
        self._path = path
        self._where = where
        self._endings = _LOG if with_log else ()
        self._known = {"": self._identity("")}

    def check(self) -> None:
        """Raises ProblemError where one is gone, or another; from then on always."""
        ending = self.gone()
        if self.lost is None and ending == "":
            self.lost = ProblemError(
                "the ledger was removed or replaced while in use",
                where=self._where,
                fix="if it was moved, put it back: the file ending in -wal has the newest of it;"
                " nothing more is written to either",
            )
        elif self.lost is None and ending is not None:
            self.lost = ProblemError(
                f"the ledger's log, of which this is the file ending in {ending}, was removed or"
                " replaced while in use: what was recorded after the last result may be lost",
                where=self._where,
                fix="leave that file to SQLite; `nas resume` goes on from what the ledger has",
            )
        if self.lost is not None:
            raise self.lost

    def note(self) -> None:
        """Takes in those that have come since."""
        for ending in self._endings:
            self._known[ending] = self._identity(ending)

    def refuse(self, *_: object) -> None:
        """Instead of a connection to files that are lost."""
        self.check()

    def gone(self) -> str | None:
        """What the name of one ends in that is gone, or another; None where all are there."""
        changed = (e for e, known in self._known.items() if known and known != self._identity(e))
        return next(changed, None)

    def forget_log(self) -> None:
        """It has been closed."""
        self._known = {"": self._known[""]}

    def _identity(self, ending: str) -> tuple[int, int] | None:
        if self._path is None:
            return None
        try:
            found = self._path.with_name(f"{self._path.name}{ending}").stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino


def _recorded_there(file: Path) -> tuple[Any, ...] | None:
    """As anybody reads it who opens the file now; nothing where it is no ledger, None where it
    cannot be told, for somebody has it locked. Raises what else keeps it from being read."""
    # By SQLite alone: a file that this process closes by itself loses SQLite's locks on it.
    where = f"file:{quote(os.fsencode(file))}?mode=ro"
    try:
        with closing(sqlite3.connect(where, uri=True, timeout=_WAIT_SECONDS)) as connection:
            return tuple(connection.execute(_RECORDED).fetchone())
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return None
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):  # the latter: without our tables
            return ()
        raise


def _goes_on(before: tuple[Any, ...], now: tuple[Any, ...]) -> bool:
    """Whether it is the same ledger, with no less recorded."""
    return before[:1] == now[:1] and all(a <= b for a, b in zip(before[1:], now[1:], strict=True))


def _fold(engine: Engine, how: str) -> None:
    """PASSIVE: as far as readers let it; TRUNCATE: all, and empties the log. Where it cannot, on a
    full disk, the log keeps it."""
    with suppress(sqlite3.Error), closing(engine.raw_connection()) as connection:
        connection.cursor().execute(f"PRAGMA wal_checkpoint({how})")


def _close(engine: Engine, files: _Files, *, fold: bool) -> None:
    if not isinstance(engine.pool, QueuePool) or not engine.pool.checkedin():
        pass  # there is nothing to fold in, and opening a connection might make a file
    elif fold and (files.lost or files.gone() is not None):
        _leave_open(engine)
    elif fold:
        _fold(engine, "TRUNCATE")
    engine.dispose()


def _leave_open(engine: Engine) -> None:
    """Sees to it that no connection is closed before the process ends. Closing one, SQLite would
    write what it knows of the log into the database and remove the log, of which another process
    may have made a longer one since."""
    for _ in range(engine.pool.checkedin() if isinstance(engine.pool, QueuePool) else 0):
        with suppress(ProblemError):  # one that has been left open already cannot be had again
            connection = engine.raw_connection()
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection.driver_connection))
            connection.detach()
