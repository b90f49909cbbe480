"""The file in a files folder that says which ledger it is of, and whether that one still has it."""

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
    """Which ledger a folder is of."""

    ledger: str
    """The id that stands in its database."""
    name: str
    """Its file's name, or the database's on a server."""
    path: str = ""
    """Where that file was when it last claimed the folder, over no link; empty on a server and
    where an older nas wrote the marker."""


def read_marker(folder: Path) -> Marker | None:
    """A folder's marker; None where there is none. Raises ProblemError for one that is not."""
    path = folder / MARKER
    try:
        # Over no link, and not into what never ends.
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
    """Marks a folder. Raises ProblemError where its marker is a link."""
    known = {"ledger": marker.ledger, "name": marker.name, "path": marker.path}
    write_text(contained(folder, MARKER), f"{json.dumps(known, indent=1)}\n")


def usual(path: Path) -> Path:
    """`runs.files` for `runs.db`; the whole name for others, `runs.1.files` for `runs.1`."""
    return path.with_suffix(".files") if path.suffix == ".db" else Path(f"{path}.files")


def places(path: Path, ident: str) -> list[Path]:
    """Where the ledger in a file may have its folder: the usual one first, and one for where that
    is another's."""
    return [usual(path), path.with_name(f"{path.name}.{ident[:8]}.files")]


def holder(folder: Path, marker: Marker) -> Path | None:
    """The ledger that a marker names, where it still is and still has this folder.

    The folder may be a link, and the ledger lie beside another link to it.
    """
    try:
        path = Path(marker.path) if marker.path else folder.with_name(marker.name)
        has_it = path.is_file() and any(
            place.is_dir() and place.samefile(folder) for place in places(path, marker.ledger)
        )
    except (OSError, ValueError):  # a name that can be nobody's, or a folder that is closed to us
        return None
    return path if has_it and ident_of(path) in (marker.ledger, None) else None


def ident_of(path: Path) -> str | None:
    """The id of the ledger in a file; empty for what is none, None where it cannot be told."""
    # By SQLite, which keeps this process's locks on the file, and without its log, of which nothing
    # is left beside it then.
    where = f"file:{quote(os.fsencode(path))}?immutable=1"
    try:
        with closing(sqlite3.connect(where, uri=True)) as connection:
            [found] = connection.execute("SELECT id FROM identity").fetchone() or [""]
            return str(found)
    except sqlite3.DatabaseError as error:
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        return "" if code == sqlite3.SQLITE_NOTADB else None


def ledger_beside(folder: Path, ident: str) -> Path | None:
    """A ledger of that id that lies beside a folder, whatever it is called now."""
    try:
        there = sorted(folder.parent.iterdir())
    except OSError:
        return None
    files = (path for path in there if path.is_file() and not path.is_symlink())
    return next((path for path in files if ident_of(path) == ident), None)


def _unreadable(path: Path) -> ProblemError:
    return ProblemError(
        "this file does not say which ledger the folder is of",
        where=str(path),
        fix="take it from a copy; or move the folder away",
    )
