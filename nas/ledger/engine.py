"""Connections to a ledger: SQLite or PostgreSQL, every transaction that writes alone in its turn.

What a driver reads and then writes must be one step even when several drivers share a campaign:
a writer holds the whole ledger from its transaction's begin. Its transactions take milliseconds.
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
"""How long one try to begin a transaction waits for others; who waits longer tries again."""
_ADVISORY_LOCK = 7_462_001
"""PostgreSQL's name for a ledger's one writer."""


def open_engine(url: URL, *, read_only: bool) -> Engine:
    """An engine whose every connection is set up alike; no connection is made yet.

    Raises ProblemError where its driver is not installed, and for reading where there is no file.
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
        # The driver's own BEGIN comes too late to make a read-then-write atomic.
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
    """Whether a database lies where nobody here may write, and was closed by its last writer.

    A WAL database wants a file beside it even to be read: where that cannot be made, SQLite
    reads the file alone if it is told that nothing changes.
    """
    return not os.access(path.parent, os.W_OK) and not path.with_name(f"{path.name}-wal").exists()


def _postgresql(url: URL, read_only: bool) -> Engine:
    # A connection a transaction: none goes stale while a trial trains, and none is left open.
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
