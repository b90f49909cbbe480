"""Opening a ledger: what schema it has, and bringing it up to date."""

import re
from pathlib import Path

from sqlalchemy import URL, Engine, inspect, make_url, text
from sqlalchemy.exc import ArgumentError

from nas.ledger.engine import file_of, open_engine, place
from nas.spec import ProblemError, UsageError

HEAD = "0006"
"""The schema version this code writes: the newest file in migrations/versions."""

_MIGRATIONS = Path(__file__).with_name("migrations")
VERSIONS = frozenset(
    path.name.split("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py")
)
"""Every schema version there has been."""


def database_url(where: str | Path | URL) -> URL:
    """An SQLAlchemy URL for a path or a URL; a path is taken as it stands, `?` and `%20` too.

    Raises ProblemError for what is neither, or is another database than the two.
    """
    if isinstance(where, URL):
        return where
    typed = str(where)
    if not is_url(where):
        return _sqlite_url(Path(typed))
    try:
        url = make_url(typed)
        backend = url.get_backend_name()
    except (ArgumentError, ValueError):  # an unknown dialect; a port that is no number
        hidden = re.sub(r"(://[^:/@]*):.*@", r"\1:***@", typed)
        raise UsageError(
            f"{hidden!r} is neither a path nor a database URL", fix="write --db runs.db"
        ) from None
    if backend == "sqlite" and url.database and "?" not in typed:
        return _sqlite_url(Path(url.database))
    if backend == "sqlite":
        raise UsageError(f"{typed!r} names no file alone", fix="write its path: --db runs.db")
    if url.port is not None and not 0 < url.port < 65536:
        raise UsageError(f"there is no port {url.port}", where="--db", fix="5432 is the usual one")
    if backend != "postgresql":
        raise UsageError(
            f"a ledger lives in SQLite or PostgreSQL, not in {backend}",
            fix="write --db runs.db, or --db postgresql://user@host/database",
        )
    return url


def is_url(where: str | Path) -> bool:
    """Whether a ledger is named by a URL; a path may have `://` in it further on."""
    return isinstance(where, str) and re.match(r"[A-Za-z][\w+.-]*://", where) is not None


def _sqlite_url(path: Path) -> URL:
    if path.exists() and not path.is_file():  # a folder, a FIFO, /dev/zero
        raise UsageError("a ledger is a file, and this is none", where=str(path), fix="name a file")
    return URL.create("sqlite", database=str(path.absolute()))


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
                where=place(engine.url),
                fix="name another file with --db",
            )
        return None


def open_ledger(url: URL, *, read_only: bool) -> Engine:
    """An engine on a ledger of the present schema, made or brought up to date for writing.

    Raises ProblemError, and leaves the file as it was, for a database that is no ledger or a
    newer nas's; for reading also for one that is empty or of an older schema.
    """
    # Looked at before it is opened for writing: that alone turns a file into a WAL database.
    there = file_of(url)
    if read_only or (there and there.exists()):
        look = open_engine(url, read_only=True)
        version = known_version(look)
        if read_only:
            _refuse_unready(version, place(url))
            return look
        look.dispose()
    engine = open_engine(url, read_only=False)
    if known_version(engine) != HEAD:
        migrate(engine)
    return engine


def known_version(engine: Engine) -> str | None:
    """The schema version, which this nas knows; None for an empty database.

    Raises ProblemError for a newer nas's ledger, and for a database that is not a ledger.
    """
    version = schema_version(engine)
    if version is not None and version not in VERSIONS:
        raise ProblemError(
            f"this ledger was written by a newer nas (schema {version}; this one knows {HEAD})",
            where=place(engine.url),
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
    # A percent sign means something to the parser of this setting.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:  # one process migrates, the others wait for it
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
