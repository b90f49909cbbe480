"""Opening a ledger: its schema version, and migrations."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, inspect, text
from sqlalchemy.pool import StaticPool

from nas.ledger.address import command, database_url, display_url, file_of
from nas.ledger.engine import open_engine
from nas.schema import ProblemError

HEAD = "0008"
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
            "this database is not a ledger",
            where=display_url(connection.engine.url),
            fix="name another file with --db",
        )
    return None


def open_ledger(url: URL, *, read_only: bool, create: bool = True, older: bool = False) -> Engine:
    """An engine on a ledger of the current schema; for writing, it is created or migrated.

    Raises ProblemError, and leaves the file unchanged, for a database that is not a ledger or was
    written by a newer nas. For reading, also for an empty one and, unless `older` is set, for an
    older schema. For writing without `create`, also for an empty one.
    """
    # Inspected read-only first: opening for writing alone turns a file into a WAL database.
    there = file_of(url)
    if read_only or not create or (there and there.exists()):
        look = open_engine(url, read_only=True)
        with _closed_on_failure(look):
            version = known_version(look)
            if version is None and (read_only or not create):
                raise _empty(url)
            if read_only:
                if version != HEAD and not older:
                    raise _of_older(url, version)
                return look
        look.dispose()
    engine = open_engine(url, read_only=False)
    with _closed_on_failure(engine):
        if known_version(engine) != HEAD:
            migrate(engine)
    return engine


@contextmanager
def _closed_on_failure(engine: Engine) -> Iterator[None]:
    try:
        yield
    except BaseException:
        engine.dispose()
        raise


def known_version(engine: Engine) -> str | None:
    """The schema version, if this nas knows it; None for an empty database.

    Raises ProblemError for a ledger of a newer nas, and for a database that is not a ledger.
    """
    version = schema_version(engine)
    if version is not None and version not in VERSIONS:
        raise ProblemError(
            f"this ledger was written by a newer nas (schema {version}; this one knows {HEAD})",
            where=display_url(engine.url),
            fix="upgrade nas, or name another file with --db",
        )
    return version


def _empty(url: URL) -> ProblemError:
    return ProblemError(
        "this ledger is empty",
        where=display_url(url),
        fix=f"start a campaign with `{command(url, 'search')}`",
    )


def _of_older(url: URL, version: str | None) -> ProblemError:
    return ProblemError(
        f"this ledger was written by an older nas (schema {version})",
        where=display_url(url),
        fix=f"migrate it with `{command(url, 'doctor', '--migrate')}`",
    )


def lacking(file: Path) -> list[str]:
    """The tables and columns that a ledger file lacks, compared with its schema version."""
    engine = open_engine(database_url(file), read_only=True)
    version = known_version(engine)
    found = _columns(engine)
    engine.dispose()
    if version is None:
        return ["its schema version"]
    whole = create_engine("sqlite://", poolclass=StaticPool)
    migrate(whole, version)
    wanted = _columns(whole)
    whole.dispose()
    parts: list[str] = []
    for table, columns in wanted.items():
        if table not in found:
            parts.append(f"the table {table}")
        else:
            parts += [f"the column {table}.{name}" for name in columns if name not in found[table]]
    return parts


def _columns(engine: Engine) -> dict[str, list[str]]:
    """A database's columns by table."""
    with engine.connect() as connection:
        found = inspect(connection)
        return {
            table: [column["name"] for column in found.get_columns(table)]
            for table in found.get_table_names()
        }


def migrate(engine: Engine, to: str = HEAD) -> None:
    """Migrates the schema to a version, from any earlier one."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    # The config parser interpolates percent signs.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:  # one process migrates, the others wait for it
        if _version(connection) == to:
            return
        config.attributes["connection"] = connection
        command.upgrade(config, to)
