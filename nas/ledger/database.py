"""Opening a ledger: what schema it has, and bringing it up to date."""

from pathlib import Path

from sqlalchemy import URL, Connection, Engine, create_engine, inspect, text
from sqlalchemy.pool import StaticPool

from nas.ledger.address import command, database_url, display_url, file_of
from nas.ledger.engine import open_engine
from nas.schema import ProblemError

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
            where=display_url(connection.engine.url),
            fix="name another file with --db",
        )
    return None


def open_ledger(url: URL, *, read_only: bool, create: bool = True, older: bool = False) -> Engine:
    """An engine on a ledger of the present schema, made or brought up to date for writing.

    Raises ProblemError, and leaves the file as it was, for a database that is no ledger or a
    newer nas's; for reading also for one that is empty or, unless `older` ones will do, of an older
    schema; for writing for one that is empty if none is to be made.
    """
    # Looked at before it is opened for writing: that alone turns a file into a WAL database.
    there = file_of(url)
    if read_only or not create or (there and there.exists()):
        look = open_engine(url, read_only=True)
        version = known_version(look)
        if version is None and (read_only or not create):
            raise _empty(url)
        if read_only:
            if version != HEAD and not older:
                raise _of_older(url, version)
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
        f"this ledger is of an older nas (schema {version})",
        where=display_url(url),
        fix=f"bring it up to date with `{command(url, 'doctor', '--migrate')}`",
    )


def lacking(file: Path) -> list[str]:
    """What a ledger in a file lacks of the tables and columns of its schema version."""
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
    """By table, what a database has."""
    with engine.connect() as connection:
        found = inspect(connection)
        return {
            table: [column["name"] for column in found.get_columns(table)]
            for table in found.get_table_names()
        }


def migrate(engine: Engine, to: str = HEAD) -> None:
    """Brings the schema to a version, from the one before or any earlier one."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    # A percent sign means something to the parser of this setting.
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:  # one process migrates, the others wait for it
        if _version(connection) == to:
            return
        config.attributes["connection"] = connection
        command.upgrade(config, to)
