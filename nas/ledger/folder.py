"""The folder of a ledger's files: checkpoints, weights, the bank. Each ledger has its own.

A marker in the folder names the ledger by the id that stands in its database, and by its file: of
copies, which have one id, the folder is that one's which has claimed it, as long as it is there. So
two ledgers never share one, whatever they are called and whichever links lead to it, and a ledger
may be moved, renamed or copied: with its folder it keeps its files, without it begins with none.
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
"""The folder of the bank, whose entries have candidates' keys."""
OLD_NAME = "runs.files"
"""Where a ledger on a server had its files, whichever it was."""
_ABANDONED_SECONDS = 3600.0
"""After so long nobody still writes a marker: another driver may begin beside this one."""

Owned = Callable[[], set[tuple[str, str]]]
"""(campaign, key) of all candidates in a ledger, as folders are named; empty before any."""


class FilesFolder:
    """Finds a ledger's folder, and makes it.

    `path`: the ledger's file; None for a server's database, whose folder lies where a driver is
    started. `name`: the file's name or the database's.
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
            # By whatever link it is reached, it is one ledger.
            self._path = path.resolve()
            self._marker = Marker(ident, self._path.name, str(self._path))
            self._places = places(self._path, ident)
            self._old = self._path.with_suffix(".files")

    def find(self) -> Path:
        """The folder, whether or not it is there.

        Raises ProblemError where something else has its name.
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
        """The folder, made if it is not there, and marked. Raises as `find` does."""
        folder = self.find()
        folder.mkdir(parents=True, exist_ok=True)
        if read_marker(folder) != self._marker:
            write_marker(folder, self._marker)
        clear_unfinished(folder, seconds=_ABANDONED_SECONDS)
        return folder

    def adopt(self) -> None:
        """Takes over what an older nas, which had no markers, left for this ledger.

        Its folder may have been others' too: what is not this ledger's stays.
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
                with suppress(OSError):  # others' are in it
                    folder.parent.rmdir()
            with suppress(OSError):
                old.rmdir()
            self.claim()

    def _is_ours(self, folder: Path) -> bool:
        marker = read_marker(folder)
        # A copy of a ledger has its id, and may have a name or a link that gives the same folder.
        return (
            marker is not None
            and marker.ledger == self._marker.ledger
            and not self._others(folder, marker)
        )

    def _others(self, folder: Path, marker: Marker) -> bool:
        """Whether another ledger, which is there, has this folder."""
        if self._path is None:
            return False
        other = holder(folder, marker)
        return other is not None and not other.samefile(self._path)

    def _belongs(self, folder: Path) -> bool:
        """Whether what lies in a folder without a marker is this ledger's."""
        owned = self._owned()
        found = {(path.parent.name, path.name) for path in folder.glob("*/*") if _key(path)}
        return bool(found & (owned | {(_BANK, key) for _, key in owned}))


def check_free(path: Path) -> None:
    """Raises ProblemError where a ledger that is yet to be made would meet another's files, and
    UsageError where there is no folder for it."""
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
    """A folder below another; None where there is none, or the way leads elsewhere."""
    try:
        folder = contained(root, *names)
    except ProblemError:
        return None
    return folder if folder.is_dir() else None


def _key(path: Path) -> bool:
    return re.fullmatch("[0-9a-f]{16}", path.name) is not None


def _taken(folder: Path, marker: Marker | None) -> ProblemError:
    away = shlex.join(["mv", str(folder), f"{folder}.old"])
    fix = f"move them away (`{away}`), or name this ledger otherwise with --db"
    whose = "no ledger's that says so"
    if marker is not None and (ledger := ledger_beside(folder, marker.ledger)):
        whose = f"{ledger.name}'s, another ledger's"
        home = usual(ledger)
        if home.exists():
            fix = f"move them away (`{away}`): their place is {home.name}, once that is free"
        else:
            fix = f"`{shlex.join(['mv', str(folder), str(home)])}` gives them back to it"
    elif marker is not None:
        whose = f"another ledger's, which was called {marker.name}"
    return ProblemError(
        f"the files in this folder are {whose}, and would be mixed with this one's",
        where=str(folder),
        fix=fix,
    )
