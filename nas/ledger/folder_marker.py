"""The marker file in a files folder: which ledger owns it, and whether that ledger still exists."""

import json
import os
import sqlite3
import stat
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from nas.contained import contained
from nas.files import write_text
from nas.schema import ProblemError

MARKER = "ledger.json"


@dataclass(frozen=True)
class Marker:
    """The ledger that owns a folder."""

    ledger: str
    """The ledger's id, as in its database."""
    name: str
    """The name of its file, or of its database on a server."""
    path: str = ""
    """The resolved path of that file when it last claimed the folder. Empty on a server, and in a
    marker of an older nas."""


def read_marker(folder: Path) -> Marker | None:
    """A folder's marker; None if it has none. Raises ProblemError for an invalid marker."""
    path = folder / MARKER
    try:
        # No links, and no special files, which may be endless.
        if not stat.S_ISREG(contained(folder, MARKER).lstat().st_mode):
            raise _unreadable(path)
        with path.open("rb") as file:
            known = json.loads(file.read(10_000))
        name = Path(str(known["name"])).name
        return Marker(str(known["ledger"]), name, str(known.get("path", "")))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, KeyError, RecursionError, AttributeError) as error:
        raise _unreadable(path) from error


def write_marker(folder: Path, marker: Marker) -> None:
    """Marks a folder. Raises ProblemError if its marker is a link."""
    known = {"ledger": marker.ledger, "name": marker.name, "path": marker.path}
    write_text(contained(folder, MARKER), f"{json.dumps(known, indent=1)}\n")


def usual(path: Path) -> Path:
    """`runs.files` for `runs.db`; the whole name for others, `runs.1.files` for `runs.1`."""
    return path.with_suffix(".files") if path.suffix == ".db" else Path(f"{path}.files")


def places(path: Path, ident: str) -> list[Path]:
    """Possible folders of the ledger in a file: the usual one, and an alternative for when another
    ledger has that."""
    return [usual(path), path.with_name(f"{path.name}.{ident[:8]}.files")]


def holder(folder: Path, marker: Marker) -> Path | None:
    """The ledger that a marker names, if it exists and still has this folder; else None.

    The folder may be a link, and the ledger may lie beside another link to it.
    """
    try:
        path = Path(marker.path) if marker.path else folder.with_name(marker.name)
        has_it = path.is_file() and any(
            place.is_dir() and place.samefile(folder) for place in places(path, marker.ledger)
        )
    except (OSError, ValueError):  # an invalid name, or a folder without access
        return None
    return path if has_it and ident_of(path) in (marker.ledger, None) else None


def ident_of(path: Path) -> str | None:
    """The id of the ledger in a file; empty if it is not a ledger, None if it cannot be read."""
    # SQLite opens it: otherwise this process would lose its locks on the file. Immutable mode
    # leaves no log file behind.
    where = f"file:{quote(os.fsencode(path))}?immutable=1"
    try:
        with closing(sqlite3.connect(where, uri=True)) as connection:
            [found] = connection.execute("SELECT id FROM identity").fetchone() or [""]
            return str(found)
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        return "" if code == sqlite3.SQLITE_NOTADB else None


def ledger_beside(folder: Path, ident: str) -> Path | None:
    """The ledger with this id beside a folder, whatever its name now; None if there is none."""
    try:
        there = sorted(folder.parent.iterdir())
    except OSError:
        return None
    files = (path for path in there if path.is_file() and not path.is_symlink())
    return next((path for path in files if ident_of(path) == ident), None)


def _unreadable(path: Path) -> ProblemError:
    return ProblemError(
        "this file does not name the ledger that owns the folder",
        where=str(path),
        fix="restore it from a copy, or move the folder away",
    )
