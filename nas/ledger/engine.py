"""Connections to a ledger: SQLite or PostgreSQL, with one writing transaction at a time.

A driver's read followed by a write must be atomic even when several drivers share a campaign. So a
writer locks the whole ledger from the start of its transaction, which takes milliseconds.
"""

import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event
from sqlalchemy.pool import NullPool

from nas.ledger.address import absent, file_of
from nas.schema import ProblemError

LOCK_WAIT_SECONDS = 1.0
"""Seconds that one attempt to begin a transaction waits for a lock; the caller may try again."""
_ADVISORY_LOCK = 7_462_001
"""Id of the PostgreSQL advisory lock that a ledger's single writer holds."""


def open_engine(url: URL, *, read_only: bool) -> Engine:
    """An engine with identical settings on every connection; it does not connect yet.

    Raises ProblemError if the database driver is not installed. With `read_only`, raises
    UsageError if the file does not exist.
    """
    file = file_of(url)
    if file is not None:
        return _sqlite(url, file, read_only)
    try:
        return _postgresql(url, read_only)
    except ModuleNotFoundError as error:
        raise ProblemError(
            f"this database needs the package {error.name}", fix=f"pip install {error.name}"
        ) from None


def _sqlite(url: URL, file: Path, read_only: bool) -> Engine:
    if read_only and not file.exists():
        raise absent(url)
    options: dict[str, Any] = {"connect_args": {"timeout": LOCK_WAIT_SECONDS}}
    if read_only and _unchanging(file):
        where = f"file:{quote(os.fsencode(file))}?immutable=1"
        options = {"creator": lambda: sqlite3.connect(where, uri=True, check_same_thread=False)}
    engine = create_engine(url, **options)

    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _: object) -> None:
        # The driver's own BEGIN comes too late for an atomic read and write.
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys = ON")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def _unchanging(path: Path) -> bool:
    """Whether a database lies in a folder without write access, and its last writer closed it.

    Even reading a WAL database needs a second file beside it. If that file cannot be made, SQLite
    reads the database only in immutable mode.
    """
    return not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()


def _postgresql(url: URL, read_only: bool) -> Engine:
    # One connection per transaction: none goes stale or stays open while a trial trains.
    if read_only:
        return create_engine(
            url,
            poolclass=NullPool,
            isolation_level="REPEATABLE READ",
            execution_options={"postgresql_readonly": True},
        )
    engine = create_engine(url, poolclass=NullPool, isolation_level="READ COMMITTED")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{LOCK_WAIT_SECONDS:g}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")

    return engine
