"""The files of an open ledger: SQLite's database, its log (`-wal`) and the log's index (`-shm`).

SQLite never checks their names after it has opened them, and would go on writing to files that have
lost their names; so their identity is checked around every transaction. Committed data are first in
the log. They move to the database after each result, and when the ledger closes.
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
"""The ledger's id, and totals that only grow while a campaign runs."""
_LOG = ("-wal", "-shm")
_WAIT_SECONDS = 1.0


class Storage:
    """The files of a ledger. A ledger on a server has none, and every method does nothing."""

    def __init__(self, url: URL, engine: Engine, *, read_only: bool) -> None:
        self.path = file_of(url)
        self._url = url
        self._engine = engine
        self._writes = self.path is not None and not read_only
        self._files = _Files(self.path, display_url(url), with_log=self._writes)
        # Also checked for every new connection: SQLite would create missing files.
        event.listen(engine, "do_connect", self._files.refuse)
        # At process exit at the latest: unclosed, SQLite leaves everything in its log.
        self._closing = finalize(self, _close, engine, self._files, fold=self._writes)

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Surrounds every use of the database; translates its errors to ProblemError.

        Raises ProblemError if the files have been removed or replaced since they were opened. From
        then on nothing is read or written."""
        self._check()
        try:
            with translate_errors(self._url):
                yield
        except ProblemError:
            self._check()  # otherwise a loss looks like a full disk
            raise
        self._check()
        self._files.note()

    def is_there(self) -> bool:
        """Whether the opened database is still the file with its name."""
        return self._files.gone() != ""

    def fold_in(self) -> None:
        """Moves committed data from the log to the database file, and verifies that they are there.
        It does not wait: data that a reader still needs stay in the log as well.

        Raises as `in_use` does, and ProblemError if the file lacks recorded data, because another
        program overwrote it.
        """
        if self.path is None or not self._writes:
            return
        with self.in_use():
            _fold(self._engine, "PASSIVE")
            own, there = self._recorded(), _recorded_there(self.path)
            if there is not None and not _goes_on(own, there):
                self._files.lost = ProblemError(
                    "the ledger was overwritten while in use: recorded data are missing",
                    where=display_url(self._url),
                    fix="restore a backup; `nas doctor` checks every row",
                )

    def copy_into(self, file: Path) -> None:
        """Copies the SQLite database as of one moment into the new file `file`; writers may
        continue. Raises OSError if that file cannot be written."""
        file.touch()  # raises a clear error if it cannot be made; SQLite's is not
        with self.in_use(), closing(self._engine.raw_connection()) as connection:
            source: Any = connection.driver_connection
            source.execute("SELECT 1 FROM sqlite_master").fetchall()  # a bad source fails here
            with write_errors(file, copying=True), closing(sqlite3.connect(file)) as copy:
                source.backup(copy)
                copy.execute("PRAGMA journal_mode = DELETE")

    def close(self) -> None:
        """Moves the log to the database and closes every connection; the next use reconnects."""
        _close(self._engine, self._files, fold=self._writes)
        self._files.forget_log()

    def _check(self) -> None:
        try:
            self._files.check()
        except ProblemError:  # other programs may use the files that are there now
            self._closing.detach()
            _leave_open(self._engine)
            raise

    def _recorded(self) -> tuple[Any, ...]:
        with closing(self._engine.raw_connection()) as connection:
            return tuple(connection.cursor().execute(_RECORDED).fetchone())


class _Files:
    """The identities of the opened files, whatever has their names now."""

    def __init__(self, path: Path | None, where: str, *, with_log: bool) -> None:
        self.lost: ProblemError | None = None
        """Why the files must not be used any more; None while they are intact."""
        self._path = path
        self._where = where
        self._endings = _LOG if with_log else ()
        self._known = {"": self._identity("")}

    def check(self) -> None:
        """Raises ProblemError if a file is missing or was replaced; from then on always."""
        ending = self.gone()
        if self.lost is None and ending == "":
            self.lost = ProblemError(
                "the ledger was removed or replaced while in use",
                where=self._where,
                fix="if it was moved, put it back: the file ending in -wal has its newest data;"
                " nothing more is written to either",
            )
        elif self.lost is None and ending is not None:
            self.lost = ProblemError(
                f"the ledger's log (the file ending in {ending}) was removed or"
                " replaced while in use: what was recorded after the last result may be lost",
                where=self._where,
                fix="never touch that file; `nas resume` continues from what the ledger has",
            )
        if self.lost is not None:
            raise self.lost

    def note(self) -> None:
        """Records the identities of files that SQLite has made since."""
        for ending in self._endings:
            self._known[ending] = self._identity(ending)

    def refuse(self, *_: object) -> None:
        """Prevents a connection to lost files."""
        self.check()

    def gone(self) -> str | None:
        """The suffix of a file that is missing or was replaced; None if all are intact."""
        changed = (e for e, known in self._known.items() if known and known != self._identity(e))
        return next(changed, None)

    def forget_log(self) -> None:
        """Drops the log's identity after the log was closed."""
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
    """The ledger's totals as a new reader of the file sees them. Empty if it is not a ledger, None
    if it is locked. Raises other errors of reading."""
    # Read through SQLite: closing the file ourselves would release SQLite's locks on it.
    where = f"file:{quote(os.fsencode(file))}?mode=ro"
    try:
        with closing(sqlite3.connect(where, uri=True, timeout=_WAIT_SECONDS)) as connection:
            return tuple(connection.execute(_RECORDED).fetchone())
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return None
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR):  # the latter: lacks our tables
            return ()
        raise


def _goes_on(before: tuple[Any, ...], now: tuple[Any, ...]) -> bool:
    """Whether it is the same ledger and nothing recorded is missing."""
    return before[:1] == now[:1] and all(a <= b for a, b in zip(before[1:], now[1:], strict=True))


def _fold(engine: Engine, how: str) -> None:
    """Checkpoints the log. PASSIVE: as far as readers allow; TRUNCATE: completely, and empties the
    log. If it fails, as on a full disk, the data stay in the log."""
    with suppress(sqlite3.Error), closing(engine.raw_connection()) as connection:
        connection.cursor().execute(f"PRAGMA wal_checkpoint({how})")


def _close(engine: Engine, files: _Files, *, fold: bool) -> None:
    if not isinstance(engine.pool, QueuePool) or not engine.pool.checkedin():
        pass  # nothing to checkpoint, and a new connection might create a file
    elif fold and (files.lost or files.gone() is not None):
        _leave_open(engine)
    elif fold:
        _fold(engine, "TRUNCATE")
    engine.dispose()


def _leave_open(engine: Engine) -> None:
    """Keeps all connections open until the process ends. On closing one, SQLite would write its log
    into the database and remove it, although another process may have a longer one by now."""
    for _ in range(engine.pool.checkedin() if isinstance(engine.pool, QueuePool) else 0):
        with suppress(ProblemError):  # connections that were left open before are unavailable
            connection = engine.raw_connection()
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection.driver_connection))
            connection.detach()
