"""Opening a ledger: what schema it has, and bringing it up to date."""

from pathlib import Path

from sqlalchemy import URL, Connection, Engine, inspect, text

from nas.ledger.address import command, file_of, place
from nas.ledger.engine import open_engine
from nas.spec import ProblemError

HEAD = "0006"
"""The schema version this code writes: the newest file in migrations/versions."""

_MIGRATIONS = Path(__file__).with_name("migrations")
VERSIONS = frozenset(
    path.name.split("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py")
)
"""Every schema version there has been."""


def schema_version(engine: Engine) -> str | None:
    """The version a database is at; None for an empty one.

    Raises ProblemError for a database that is not a ledger.
    """
    with engine.connect() as connection:
        return _version(connection)


def _version(connection: Connection) -> str | None:
    tables = inspect(connection).get_table_names()
    if "alembic_version" in tables:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    if tables:
        raise ProblemError(
            "this database holds something else than a ledger",
            where=place(connection.engine.url),
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
            _refuse_unready(version, url)
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


def _refuse_unready(version: str | None, url: URL) -> None:
    if version is None:
        raise ProblemError(
            "this ledger is empty",
            where=place(url),
            fix=f"start a campaign with `{command(url, 'search')}`",
        )
    if version != HEAD:
        raise ProblemError(
            f"this ledger is of an older nas (schema {version})",
            where=place(url),
            fix=f"bring it up to date with `{command(url, 'doctor', '--migrate')}`",
        )


def migrate(engine: Engine) -> None:
    """Brings the schema to HEAD."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    # A percent sign means something to the parser of this setting.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:  # one process migrates, the others wait for it
        if _version(connection) == HEAD:
            return
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
