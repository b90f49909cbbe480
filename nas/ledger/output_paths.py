"""Checks that an output file does not overwrite a ledger or a file that belongs to one."""

from pathlib import Path

from nas.files import beginning, followed
from nas.ledger.address import file_of
from nas.ledger.base import OPENED
from nas.ledger.folder_marker import read_marker
from nas.schema import ProblemError, UsageError

_ENDINGS = ("", "-wal", "-shm", "-journal")
"""Suffixes of the files of one SQLite database."""
_DATABASE = b"SQLite format 3\0"
_BESIDE = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83", bytes.fromhex("d9d505f920a163d7"))
"""First bytes of a log, in either byte order, and of a journal."""


def check_output(path: Path, *, database: bool = False) -> None:
    """Raises UsageError if `path`, with links resolved, is a SQLite database, a file that SQLite
    keeps beside one, or lies in a ledger's files folder. With `database`, databases are allowed
    except those that this process has opened; the caller then checks what it overwrites."""
    target = followed(path)
    if _opened(target):
        raise _refused(path, "this is the ledger, or a file of it")
    if any(map(_is_files_folder, (target, *target.parents))):
        raise _refused(path, "this is in a ledger's files folder: checkpoints, weights and bank")
    # Files of an open ledger are refused above: reading them here would end SQLite's locks.
    begins = _begins(target)
    if begins == _DATABASE and not database:
        raise _refused(path, "this is a database, perhaps a ledger")
    if begins.startswith(_BESIDE):
        raise _refused(path, "this is a file that SQLite keeps beside a database")
    for ending in filter(target.name.endswith, _ENDINGS[1:]):
        base = target.with_name(target.name.removesuffix(ending))
        if _begins(base) == _DATABASE:
            raise _refused(path, f"SQLite keeps a file of this name beside {base.name}")


def _begins(file: Path) -> bytes:
    """The first bytes, which identify the kind of file; empty if it cannot be read."""
    if not file.is_file():
        return b""
    try:
        return beginning(file, len(_DATABASE))
    except ProblemError:  # an endless file
        return b""


def _opened(target: Path) -> bool:
    for ledger in filter(None, map(file_of, OPENED)):
        real = ledger.resolve()
        for taken in (real.with_name(f"{real.name}{ending}") for ending in _ENDINGS):
            if target == taken or (target.exists() and taken.exists() and target.samefile(taken)):
                return True
    return False


def _is_files_folder(folder: Path) -> bool:
    try:
        return read_marker(folder) is not None
    except ProblemError:  # another program's file of that name
        return False


def _refused(path: Path, what: str) -> UsageError:
    return UsageError(what, where=str(path), fix="name a new file")
