"""Deletes files that killed drivers left behind."""

import re
import time
from contextlib import suppress
from pathlib import Path

from nas.contained import contained
from nas.ledger import Owner
from nas.processes import clear_left_behind

_STOP = "stop-"
_MADE = re.compile(rf"{_STOP}[0-9a-f]{{8}}")
"""The names of stop files, which contain an owner's nonce; other files are the user's."""
_ABANDONED_SECONDS = 86400.0
"""Older versions did not write the owner into a stop file: those are deleted by age."""


def stop_file(files: Path, owner: str) -> Path:
    """The file whose existence tells a driver's workers to stop; it contains the owner."""
    return contained(files, _STOP + owner.rsplit("/", 1)[-1])


def make_stop_file(path: Path, owner: str) -> str:
    """Writes a stop file. Returns the error's text, or "" on success."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(owner, encoding="utf-8")
    except OSError as error:
        return f"{path}: {(error.strerror or str(error)).lower()}"
    return ""


def remove_stop_file(path: Path) -> None:
    """Removes a stop file; if that fails, `clear_leftovers` does it later."""
    with suppress(OSError):
        path.unlink()


def clear_leftovers(files: Path) -> None:
    """Removes dead drivers' stop files from a ledger's folder, and their temporary folders."""
    clear_left_behind()
    for path in files.glob(f"{_STOP}*"):
        if not _MADE.fullmatch(path.name) or path.is_symlink() or not path.is_file():
            continue
        with suppress(OSError, ValueError):  # one that cannot be read is left alone
            if _abandoned(path):
                path.unlink()


def _abandoned(path: Path) -> bool:
    with path.open(encoding="utf-8") as file:
        owner = file.read(1000)
    if owner:
        return Owner.parse(owner).surely_dead()
    return time.time() - path.stat().st_mtime > _ABANDONED_SECONDS
