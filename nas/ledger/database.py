"""Opening `runs.db`: engine, pragmas, schema version, and errors in plain words."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError

from nas.spec import ProblemError

HEAD = "0001"
"""The schema version this code writes: the newest file in migrations/versions."""

_MIGRATIONS = Path(__file__).with_name("migrations")
VERSIONS = frozenset(
    path.name.split("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py")
)
"""Every schema version there has been."""


def database_url(where: str | Path) -> str:
    """An SQLAlchemy URL for a path or a URL."""
    text_ = str(where)
    if "://" in text_:
        return text_
    return f"sqlite:///{Path(text_).absolute()}"


@contextmanager
def plain_errors(url: str) -> Iterator[None]:
    """Turns what a database driver raises into a ProblemError that says what to do."""
    where = make_url(url).render_as_string(hide_password=True).removeprefix("sqlite:///")
    try:
        yield
    except (OperationalError, DatabaseError) as error:
        said = str(error.orig or error).lower()
        for sign, what, fix in _SIGNS:
            if sign in said:
                raise ProblemError(what, where=where, fix=fix) from error
        raise ProblemError(f"the ledger cannot be used: {said}", where=where) from error


_SIGNS = (
    (
        "not a database",
        "this file is not a database",
        "name another with --db, or move it away to start a new ledger",
    ),
    (
        "malformed",
        "this database is damaged",
        "try `sqlite3 FILE .recover`, or go on in a new ledger with --db",
    ),
    (
        "locked",
        "another program keeps the ledger locked",
        "close it (a database browser, perhaps) and run the command again",
    ),
    (
        "readonly",
        "the ledger cannot be written",
        "check the permissions of the file and of its folder",
    ),
    (
        "full",
        "the disk is full",
        "free some room and run `nas resume`: nothing recorded is lost",
    ),
    (
        "disk i/o error",
        "the disk refuses to write (is it full?)",
        "free some room and run `nas resume`: nothing recorded is lost",
    ),
    (
        "unable to open",
        "the ledger cannot be opened",
        "check that its folder exists and may be written",
    ),
)


def open_engine(url: str, *, read_only: bool, timeout: float = 30.0) -> Engine:
    """An engine whose every connection is set up alike; no connection is made yet."""
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() != "sqlite":
            return create_engine(url)
    except ArgumentError:  # unknown dialects too
        raise ProblemError(
            f"{url!r} is neither a path nor a database URL", fix="write --db runs.db"
        ) from None
    except ModuleNotFoundError as error:
        raise ProblemError(
            f"this database needs the package {error.name}", fix=f"pip install {error.name}"
        ) from None
    if read_only and parsed.database and not Path(parsed.database).exists():
        raise ProblemError(
            "there is no ledger here",
            where=parsed.database,
            fix="start a campaign with `nas search`, or name its file with --db",
        )
    options: dict[str, Any] = {"connect_args": {"timeout": timeout}}
    if read_only and parsed.database and _unchanging(Path(parsed.database)):
        where = f"file:{quote(parsed.database)}?immutable=1"
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


def schema_version(engine: Engine) -> str | None:
    """The version a database is at; None for an empty one.

    Raises ProblemError for a database that is not a ledger.
    """
    with engine.connect() as connection:
        tables = inspect(connection).get_table_names()
        if "alembic_version" in tables:
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
        if tables:
            raise ProblemError(
                "this database holds something else than a ledger",
                where=str(engine.url.database),
                fix="name another file with --db",
            )
        return None


def open_ledger(url: str, *, read_only: bool, timeout: float) -> Engine:
    """An engine on a ledger of the present schema, made or brought up to date for writing.

    Raises ProblemError, and leaves the file as it was, for a database that is no ledger or a
    newer nas's; for reading also for one that is empty or of an older schema.
    """
    # Looked at before it is opened for writing: that alone turns a file into a WAL database.
    there = _file(url)
    if read_only or (there and there.exists()):
        look = open_engine(url, read_only=True, timeout=timeout)
        version = known_version(look)
        if read_only:
            _refuse_unready(version, str(look.url.database))
            return look
        look.dispose()
    engine = open_engine(url, read_only=False, timeout=timeout)
    if known_version(engine) != HEAD:
        migrate(engine)
    return engine


def _file(url: str) -> Path | None:
    """The file of a SQLite URL."""
    database = make_url(url).database if url.startswith("sqlite") else None
    return Path(database) if database else None


def known_version(engine: Engine) -> str | None:
    """The schema version, which this nas knows; None for an empty database.

    Raises ProblemError for a newer nas's ledger, and for a database that is not a ledger.
    """
    version = schema_version(engine)
    if version is not None and version not in VERSIONS:
        raise ProblemError(
            f"this ledger was written by a newer nas (schema {version}; this one knows {HEAD})",
            where=str(engine.url.database),
            fix="upgrade nas, or name another file with --db",
        )
    return version


def _refuse_unready(version: str | None, where: str) -> None:
    if version is None:
        raise ProblemError(
            "this ledger is empty", where=where, fix="start a campaign with `nas search`"
        )
    if version != HEAD:
        raise ProblemError(
            f"this ledger is of an older nas (schema {version})",
            where=where,
            fix="bring it up to date with `nas doctor --migrate`",
        )


def migrate(engine: Engine) -> None:
    """Brings the schema to HEAD."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    with engine.begin() as connection:  # one process migrates, the others wait for it
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
