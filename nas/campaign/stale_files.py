"""What drivers that were killed could not tidy up, cleared by the next one."""

import re
import time
from contextlib import suppress
from pathlib import Path

from nas.contained import contained
from nas.ledger import Owner
from nas.processes import clear_left_behind

_STOP = "stop-"
_MADE = re.compile(rf"{_STOP}[0-9a-f]{{8}}")
"""What an owner's nonce makes of it: other files are somebody's own."""
_ABANDONED_SECONDS = 86400.0
"""Older versions did not write into a stop file whose it is."""


def stop_file(files: Path, owner: str) -> Path:
    """The file by which a driver tells its workers to stop; its content is the owner."""
    return contained(files, _STOP + owner.rsplit("/", 1)[-1])


def make_stop_file(path: Path, owner: str) -> str:
    """Tells workers to stop; what keeps it from being written, if anything does."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(owner, encoding="utf-8")
    except OSError as error:
        return f"{path}: {(error.strerror or str(error)).lower()}"
    return ""


def remove_stop_file(path: Path) -> None:
    """Where it cannot be removed, `clear_leftovers` may do it some day."""
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
