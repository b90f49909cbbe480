"""Opening a ledger: what schema it has, and bringing it up to date."""

from pathlib import Path

from sqlalchemy import Engine, inspect, make_url, text

from nas.ledger.engine import open_engine, place
from nas.spec import ProblemError

HEAD = "0004"
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


def open_ledger(url: str, *, read_only: bool) -> Engine:
    """An engine on a ledger of the present schema, made or brought up to date for writing.

    Raises ProblemError, and leaves the file as it was, for a database that is no ledger or a
    newer nas's; for reading also for one that is empty or of an older schema.
    """
    # Looked at before it is opened for writing: that alone turns a file into a WAL database.
    there = _file(url)
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
    config.set_main_option("script_location", str(_MIGRATIONS))
    with engine.begin() as connection:  # one process migrates, the others wait for it
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
