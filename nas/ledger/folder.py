"""The folder of a ledger's files: checkpoints, weights, the bank. Each ledger has its own.

A marker in the folder names the ledger by the id that stands in its database. So two ledgers never
share one, whatever they are called, and a ledger may be moved, renamed or copied: with its folder
it keeps its files, without it begins with none.
"""

import json
import re
import shlex
import stat
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from nas.contained import contained
from nas.files import clear_unfinished, unfinished, write_text
from nas.spec import ProblemError

MARKER = "ledger.json"
_BANK = "bank"
"""The folder of the bank, whose entries have candidates' keys."""
OLD_NAME = "runs.files"
"""Where a ledger on a server had its files, whichever it was."""
_ABANDONED_SECONDS = 3600.0
"""After so long nobody still writes a marker: another driver may begin beside this one."""

Owned = Callable[[], set[tuple[str, str]]]
"""(campaign, key) of all candidates in a ledger, as folders are named; empty before any."""


@dataclass(frozen=True)
class Marker:
    """Which ledger a folder is of."""

    ledger: str
    name: str


class FilesFolder:
    """Finds a ledger's folder, and makes it.

    `path`: the ledger's file; None for a server's database, whose folder lies where a driver is
    started. `name`: the file's name or the database's.
    """

    def __init__(self, path: Path | None, name: str, ident: str, owned: Owned) -> None:
        self._name = name
        self._ident = ident
        self._owned = owned
        if path is None:
            word = re.sub(r"[^\w.-]+", "-", name)[:60]
            self._places = [Path.cwd() / f"{word}.{ident[:8]}.files"]
            self._old = Path.cwd() / OLD_NAME
        else:
            # By whatever link it is reached, it is one ledger.
            real = path.resolve()
            self._name = real.name
            self._places = [usual(real), real.with_name(f"{real.name}.{ident[:8]}.files")]
            self._old = real.with_suffix(".files")

    def find(self) -> Path:
        """The folder, whether or not it is there.

        Raises ProblemError where something else has its name.
        """
        for place in self._places:
            if self._is_ours(place):
                return place
        first, *others = self._places
        marker = _marker(first)
        if marker and others and _beside(first, marker) not in (None, self._name):
            return others[0]
        if marker is not None or not (_empty(first) or self._belongs(first)):
            raise _taken(first, marker)
        return first

    def claim(self) -> Path:
        """The folder, made if it is not there, and marked. Raises as `find` does."""
        folder = self.find()
        folder.mkdir(parents=True, exist_ok=True)
        if _marker(folder) != Marker(self._ident, self._name):
            text = json.dumps({"ledger": self._ident, "name": self._name}, indent=1)
            write_text(contained(folder, MARKER), f"{text}\n")
        clear_unfinished(folder, seconds=_ABANDONED_SECONDS)
        return folder

    def adopt(self) -> None:
        """Takes over what an older nas, which had no markers, left for this ledger.

        Its folder may have been others' too: what is not this ledger's stays.
        """
        old, new = self._old, self._places[0]
        if not old.is_dir() or _marker(old) or any(map(self._is_ours, self._places)):
            return
        owned = sorted(self._owned())
        wanted = [*owned, *((_BANK, key) for _, key in owned)]
        there = [folder for names in wanted if (folder := _folder(old, *names))]
        if new == old:
            if there:
                self.claim()
            return
        if there and _empty(new):
            for folder in there:
                place = new / folder.relative_to(old)
                place.parent.mkdir(parents=True, exist_ok=True)
                folder.rename(place)
                with suppress(OSError):  # others' are in it
                    folder.parent.rmdir()
            with suppress(OSError):
                old.rmdir()
            self.claim()

    def _is_ours(self, folder: Path) -> bool:
        marker = _marker(folder)
        if marker is None or marker.ledger != self._ident:
            return False
        # A copy of a ledger has its id, and may have a name that gives the same folder.
        return _beside(folder, marker) in (None, self._name)

    def _belongs(self, folder: Path) -> bool:
        """Whether what lies in a folder without a marker is this ledger's."""
        owned = self._owned()
        found = {(path.parent.name, path.name) for path in folder.glob("*/*") if _key(path)}
        return bool(found & (owned | {(_BANK, key) for _, key in owned}))


def usual(path: Path) -> Path:
    """`runs.files` for `runs.db`; the whole name for others, `runs.1.files` for `runs.1`."""
    return path.with_suffix(".files") if path.suffix == ".db" else Path(f"{path}.files")


def check_free(path: Path) -> None:
    """Raises ProblemError where a ledger that is yet to be made would meet another's files."""
    folder = usual(path.resolve())
    marker = _marker(folder)
    if marker is not None and _beside(folder, marker) is None:
        raise _taken(folder, marker)
    if marker is None and not _empty(folder):
        raise _taken(folder, None)


def _marker(folder: Path) -> Marker | None:
    """A folder's marker; None where there is none. Raises ProblemError for one that is not."""
    path = folder / MARKER
    try:
        # Over no link, and not into what never ends.
        if not stat.S_ISREG(contained(folder, MARKER).lstat().st_mode):
            raise _unreadable(path)
        with path.open("rb") as file:
            known = json.loads(file.read(10_000))
        return Marker(str(known["ledger"]), Path(str(known["name"])).name)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise _unreadable(path) from error


def _beside(folder: Path, marker: Marker) -> str | None:
    """The name of the ledger that a marker names, where it lies beside and has this folder."""
    ledger = folder.with_name(marker.name) if marker.name else None
    return marker.name if ledger and ledger.is_file() and usual(ledger) == folder else None


def _empty(folder: Path) -> bool:
    return not folder.is_dir() or all(map(unfinished, folder.iterdir()))


def _unreadable(path: Path) -> ProblemError:
    return ProblemError(
        "this file does not say which ledger the folder is of",
        where=str(path),
        fix="take it from a copy; or move the folder away",
    )


def _folder(root: Path, *names: str) -> Path | None:
    """A folder below another; None where there is none, or the way leads elsewhere."""
    try:
        folder = contained(root, *names)
    except ProblemError:
        return None
    return folder if folder.is_dir() else None


def _key(path: Path) -> bool:
    return re.fullmatch("[0-9a-f]{16}", path.name) is not None


def _taken(folder: Path, marker: Marker | None) -> ProblemError:
    whose = f"another ledger's, {marker.name}" if marker else "no ledger's that says so"
    away = shlex.join(["mv", str(folder), f"{folder}.old"])
    return ProblemError(
        f"the files in this folder are {whose}, and would be mixed with this one's",
        where=str(folder),
        fix=f"move them away (`{away}`), or name this ledger otherwise with --db",
    )
