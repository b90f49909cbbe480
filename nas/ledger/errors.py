"""Translation of database errors into plain messages with a remedy."""

import errno
import shlex
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import URL
from sqlalchemy.exc import DBAPIError, OperationalError

from nas.ledger.address import command, display_url
from nas.schema import ProblemError
from nas.working_time import awake

T = TypeVar("T")

_DAMAGED = (
    *("malformed", "could not decode", "json cannot hold"),
    *("no such table", "no such column"),
)
"""Signs of damage in a driver's message; "could not decode" means text that is not UTF-8."""


class DamagedError(ProblemError):
    """The database contains data that nas cannot have written."""


_LOCKED = ("locked", "lock timeout")
_SIGNS = (
    (
        "not a database",
        "this file is not a database",
        "name another with --db, or move it away to start a new ledger",
    ),
    *(
        (
            sign,
            "another program keeps the ledger locked",
            "close it (a database browser, perhaps) and run the command again",
        )
        for sign in _LOCKED
    ),
    *(
        (
            sign,
            "the ledger cannot be written",
            "check the permissions of the file and of its folder",
        )
        for sign in ("readonly", "read-only", "permission denied")
    ),
    *(
        (
            sign,
            what,
            "free some room and run `{resume}`: nothing recorded is lost",
        )
        for sign, what in (
            ("disk i/o error", "the disk refuses to write (is it full?)"),
            ("is full", "the disk is full"),
            ("no space left", "the disk is full"),
        )
    ),
    (
        "unable to open",
        "the ledger cannot be opened",
        "check that its folder exists and may be written",
    ),
    *(
        (
            sign,
            "the database server refuses the login",
            "check the user, password and database name in --db",
        )
        for sign in ("authentication failed", 'role "', 'database "', "no password")
    ),
    (
        "connection",
        "the database server does not answer",
        "check that it runs, and the host and port in --db; then continue with `{resume}`",
    ),
)
"""(sign in the driver's message, meaning, remedy); the first match is reported."""


def recover(url: URL) -> str:
    """The remedy for a damaged ledger."""
    rescue = shlex.join(("sqlite3", display_url(url), ".recover"))
    doctor = command(url, "doctor")
    return f"restore a backup, or try `{rescue}`; `{doctor}` lists all damage"


@contextmanager
def translate_errors(url: URL) -> Iterator[None]:
    """Turns database errors into a ProblemError with a remedy."""
    try:
        yield
    except UnicodeDecodeError as error:  # of a cell, or of a message that quotes the schema
        raise DamagedError(
            "this database is damaged (it has text that is not UTF-8)",
            where=display_url(url),
            fix=recover(url),
        ) from error
    except (DBAPIError, sqlite3.Error) as error:
        reason = str(getattr(error, "orig", None) or error).lower()
        if any(sign in reason for sign in _DAMAGED):
            raise DamagedError(
                f"this database is damaged ({reason})", where=display_url(url), fix=recover(url)
            ) from error
        for sign, what, fix in _SIGNS:
            if sign in reason:
                fix = fix.replace("{resume}", command(url, "resume"))
                raise ProblemError(what, where=display_url(url), fix=fix) from error
        raise ProblemError(
            f"the ledger cannot be used: {reason}", where=display_url(url)
        ) from error


_OF_WHAT_IS_READ = (
    sqlite3.SQLITE_CORRUPT,
    sqlite3.SQLITE_NOTADB,
    sqlite3.SQLITE_IOERR_READ,
    sqlite3.SQLITE_IOERR_SHORT_READ,
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
)


@contextmanager
def write_errors(file: Path, *, copying: bool = False) -> Iterator[None]:
    """Turns SQLite's errors about an output file into an OSError for that file. While `copying`,
    errors from reading the source are passed on unchanged."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as error:
        reason = getattr(error, "orig", None) or error
        code = getattr(reason, "sqlite_errorcode", None)
        if copying and code is not None and {code, code & 0xFF} & {*_OF_WHAT_IS_READ}:
            raise
        raise OSError(errno.EIO, str(reason), str(file)) from error


def retry_while_locked(work: Callable[[], T], patience: Callable[[float], bool]) -> T:
    """The result of `work`, tried again while another program keeps the ledger locked.

    `patience` maps the seconds waited so far to whether to keep waiting; when it returns False,
    the OperationalError is raised.
    """
    begun = awake()
    while True:
        try:
            return work()
        except OperationalError as error:
            reason = str(error.orig or error).lower()
            if not any(sign in reason for sign in _LOCKED) or not patience(awake() - begun):
                raise
