"""The folder of a ledger's files: checkpoints, weights, the bank. Each ledger has its own.

A marker file in the folder names its ledger, by the id in the database and by its file. Copies of a
ledger share an id; the folder belongs to the copy that claimed it, as long as that copy exists. So
two ledgers never share a folder, whatever their names and links. A ledger may be moved, renamed or
copied: it keeps its files if its folder comes along, and otherwise starts without files.
"""

import re
import shlex
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from nas.contained import contained
from nas.files import check_parent, clear_unfinished, unfinished
from nas.ledger.folder_marker import (
    Marker,
    holder,
    ledger_beside,
    places,
    read_marker,
    usual,
    write_marker,
)
from nas.schema import ProblemError

_BANK = "bank"
"""The bank's folder; its entries are named by candidates' keys."""
OLD_NAME = "runs.files"
"""The former files folder of every ledger on a server."""
_ABANDONED_SECONDS = 3600.0
"""Age of a temporary file after which its writer, perhaps another driver, must be gone."""

Owned = Callable[[], set[tuple[str, str]]]
"""Returns (campaign, key) of all candidates in a ledger, as folders are named."""


class FilesFolder:
    """Finds or makes a ledger's files folder.

    `path`: the ledger's file; None for a database on a server, whose folder lies in the driver's
    working directory. `name`: the name of the file or of the database.
    """

    def __init__(self, path: Path | None, name: str, ident: str, owned: Owned) -> None:
        self._owned = owned
        if path is None:
            self._path = None
            self._marker = Marker(ident, name)
            word = re.sub(r"[^\w.-]+", "-", name)[:60]
            self._places = [Path.cwd() / f"{word}.{ident[:8]}.files"]
            self._old = Path.cwd() / OLD_NAME
        else:
            # One ledger, whichever link leads to it.
            self._path = path.resolve()
            self._marker = Marker(ident, self._path.name, str(self._path))
            self._places = places(self._path, ident)
            self._old = self._path.with_suffix(".files")

    def find(self) -> Path:
        """The folder, which need not exist.

        Raises ProblemError if something else has its name.
        """
        ours = filter(self._is_ours, self._places)
        if found := sorted(ours, key=lambda place: read_marker(place) != self._marker):
            return found[0]
        for place in self._places:
            marker = read_marker(place)
            if marker is None and (_empty(place) or self._belongs(place)):
                return place
            if marker is None or not self._others(place, marker):
                break
        raise _taken(place, marker)

    def claim(self) -> Path:
        """The folder, made if needed and marked as this ledger's. Raises as `find` does."""
        folder = self.find()
        folder.mkdir(parents=True, exist_ok=True)
        if read_marker(folder) != self._marker:
            write_marker(folder, self._marker)
        clear_unfinished(folder, seconds=_ABANDONED_SECONDS)
        return folder

    def adopt(self) -> None:
        """Takes over the unmarked folder that an older nas left for this ledger.

        Several ledgers may have shared it: files of other ledgers stay where they are.
        """
        old, new = self._old, self._places[0]
        if not old.is_dir() or read_marker(old) or any(map(self._is_ours, self._places)):
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
                with suppress(OSError):  # it contains other ledgers' files
                    folder.parent.rmdir()
            with suppress(OSError):
                old.rmdir()
            self.claim()

    def _is_ours(self, folder: Path) -> bool:
        marker = read_marker(folder)
        # A copy of a ledger has the same id, and its name or a link may lead to the same folder.
        return (
            marker is not None
            and marker.ledger == self._marker.ledger
            and not self._others(folder, marker)
        )

    def _others(self, folder: Path, marker: Marker) -> bool:
        """Whether another existing ledger has this folder."""
        if self._path is None:
            return False
        other = holder(folder, marker)
        return other is not None and not other.samefile(self._path)

    def _belongs(self, folder: Path) -> bool:
        """Whether an unmarked folder contains files of this ledger."""
        owned = self._owned()
        found = {(path.parent.name, path.name) for path in folder.glob("*/*") if _key(path)}
        return bool(found & (owned | {(_BANK, key) for _, key in owned}))


def check_free(path: Path) -> None:
    """Raises ProblemError if a new ledger at `path` would get a folder with another's files, and
    UsageError if its parent folder does not exist."""
    check_parent(path)
    folder = usual(path.resolve())
    marker = read_marker(folder)
    if marker is None and not _empty(folder):
        raise _taken(folder, None)
    if marker is not None and holder(folder, marker) is None:
        raise _taken(folder, marker)


def _empty(folder: Path) -> bool:
    return not folder.is_dir() or all(map(unfinished, folder.iterdir()))


def _folder(root: Path, *names: str) -> Path | None:
    """A folder below `root`; None if it does not exist or the path leads elsewhere."""
    try:
        folder = contained(root, *names)
    except ProblemError:
        return None
    return folder if folder.is_dir() else None


def _key(path: Path) -> bool:
    return re.fullmatch("[0-9a-f]{16}", path.name) is not None


def _taken(folder: Path, marker: Marker | None) -> ProblemError:
    away = shlex.join(["mv", str(folder), f"{folder}.old"])
    fix = f"move them away (`{away}`), or choose another name for this ledger with --db"
    whose = "no known ledger"
    if marker is not None and (ledger := ledger_beside(folder, marker.ledger)):
        whose = f"{ledger.name}, another ledger,"
        home = usual(ledger)
        if home.exists():
            fix = f"move them away (`{away}`): they belong in {home.name}, once that is free"
        else:
            fix = f"`{shlex.join(['mv', str(folder), str(home)])}` returns them to it"
    elif marker is not None:
        whose = f"another ledger, formerly called {marker.name},"
    return ProblemError(
        f"the files in this folder belong to {whose} and would be mixed with this one's",
        where=str(folder),
        fix=fix,
    )
