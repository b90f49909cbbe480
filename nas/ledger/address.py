"""Address of a ledger: its URL, its file, and the `--db` argument that names it."""

import os
import re
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from nas.files import followed
from nas.schema import UsageError, command_line

USUAL = "runs.db"


def database_url(where: str | Path | URL) -> URL:
    """An SQLAlchemy URL for a path or a URL. A path is taken literally, `?` and `%20` included.

    Raises UsageError for an invalid URL, and for a database other than SQLite and PostgreSQL.
    """
    if isinstance(where, URL):
        return where
    typed = str(where)
    if not is_url(where):
        return _sqlite_url(Path(typed))
    try:
        url = make_url(typed)
        backend = url.get_backend_name()
        if backend == "postgresql":
            url.get_dialect()  # of its driver, too: postgresql+psycopg
    except (ArgumentError, ValueError):  # an unknown dialect, or a port that is not a number
        hidden = re.sub(r"(://[^:/@]*):.*@", r"\1:***@", typed)
        raise UsageError(
            f"{hidden!r} is neither a path nor a database URL", fix="write --db runs.db"
        ) from None
    if backend == "sqlite" and url.database and "?" not in typed:
        return _sqlite_url(Path(url.database))
    if backend == "sqlite":
        raise UsageError(f"{typed!r} does not name a file", fix="write its path: --db runs.db")
    if url.port is not None and not 0 < url.port < 65536:
        raise UsageError(f"there is no port {url.port}", where="--db", fix="5432 is the usual one")
    if backend != "postgresql":
        raise UsageError(
            f"a ledger is a SQLite or PostgreSQL database; {backend} is not supported",
            fix="write --db runs.db, or --db postgresql://user@host/database",
        )
    return url


def is_url(where: str | Path) -> bool:
    """Whether `where` is a URL; a path may contain `://` further on."""
    return isinstance(where, str) and re.match(r"[A-Za-z][\w+.-]*://", where) is not None


def _sqlite_url(path: Path) -> URL:
    followed(path)  # refuses a circle of links
    if path.exists() and not path.is_file():  # a folder, a FIFO, /dev/zero
        raise UsageError("a ledger must be a regular file", where=str(path), fix="name a file")
    return URL.create("sqlite", database=str(path.absolute()))


def file_of(url: URL) -> Path | None:
    """The file of a SQLite URL; None for a server's URL."""
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def display_url(url: URL) -> str:
    """The ledger's address for display: its file, or its URL without the password."""
    return str(file_of(url) or url.render_as_string(hide_password=True))


def command(url: URL, *words: str) -> str:
    """A `nas` command line, quoted for a shell, with --db if this is not the default ledger."""
    usual = database_url(os.environ.get("NAS_DB") or USUAL)
    return command_line(*words, *(() if url == usual else ("--db", display_url(url))))


def absent(url: URL) -> UsageError:
    """The error for a ledger that does not exist."""
    return UsageError(
        "there is no ledger here",
        where=display_url(url),
        fix=f"`{command(url, 'search')}` or `nas bank` makes one; --db names another",
    )
