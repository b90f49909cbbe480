"""Where a ledger lies: its URL, its file, and how a person names it in a command."""

import os
import re
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from nas.files import followed
from nas.schema import UsageError, command_line

USUAL = "runs.db"


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
    followed(path)  # refuses links in a circle
    if path.exists() and not path.is_file():  # a folder, a FIFO, /dev/zero
        raise UsageError("a ledger is a file, and this is none", where=str(path), fix="name a file")
    return URL.create("sqlite", database=str(path.absolute()))


def file_of(url: URL) -> Path | None:
    """The file of a SQLite URL; None of a server's."""
    return Path(str(url.database)) if url.get_backend_name() == "sqlite" else None


def display_url(url: URL) -> str:
    """Where a ledger is, for a person: the file, or the URL without its password."""
    return str(file_of(url) or url.render_as_string(hide_password=True))


def command(url: URL, *words: str) -> str:
    """`nas` and words as a shell takes them, with --db where another ledger would be taken."""
    usual = database_url(os.environ.get("NAS_DB") or USUAL)
    return command_line(*words, *(() if url == usual else ("--db", display_url(url))))


def absent(url: URL) -> UsageError:
    """That there is no ledger of that name: as of a space, what was typed names nothing."""
    return UsageError(
        "there is no ledger here",
        where=display_url(url),
        fix=f"`{command(url, 'search')}` or `nas bank` makes one; --db names another",
    )
