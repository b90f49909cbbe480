"""What a person asks to be written never takes the place of a ledger, nor of a file of one."""

from pathlib import Path

from nas.files import beginning, followed
from nas.ledger.address import file_of
from nas.ledger.base import OPENED
from nas.ledger.folder_marker import read_marker
from nas.schema import ProblemError, UsageError

_ENDINGS = ("", "-wal", "-shm", "-journal")
"""Of the files that SQLite takes for one database."""
_DATABASE = b"SQLite format 3\0"
_BESIDE = (b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83", bytes.fromhex("d9d505f920a163d7"))
"""How a log, of either byte order, and a journal begin."""


def check_output(path: Path, *, database: bool = False) -> None:
    """Raises UsageError where `path`, over any link, is a SQLite database, this process's ledger or
    any other, a file that SQLite keeps beside one, or lies in a ledger's files folder. With
    `database` it may be a database, for whoever looks by himself what he writes over, but none that
    this process has opened."""
    target = followed(path)
    if _opened(target):
        raise _refused(path, "this is the ledger, or a file of it")
    if any(map(_is_files_folder, (target, *target.parents))):
        raise _refused(path, "this is among a ledger's files: its checkpoints, weights and bank")
    # No file of a ledger that is open comes as far: reading it would end SQLite's locks on it.
    begins = _begins(target)
    if begins == _DATABASE and not database:
        raise _refused(path, "this is a database, a ledger perhaps")
    if begins.startswith(_BESIDE):
        raise _refused(path, "this is a file that SQLite keeps beside a database")
    for ending in filter(target.name.endswith, _ENDINGS[1:]):
        base = target.with_name(target.name.removesuffix(ending))
        if _begins(base) == _DATABASE:
            raise _refused(path, f"SQLite keeps a file of this name beside {base.name}")


def _begins(file: Path) -> bytes:
    """The bytes that say what kind of file it is; none where there is none to be read."""
    if not file.is_file():
        return b""
    try:
        return beginning(file, len(_DATABASE))
    except ProblemError:  # it has no end
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
    except ProblemError:  # a file of that name which is somebody's own
        return False


def _refused(path: Path, what: str) -> UsageError:
    return UsageError(what, where=str(path), fix="name a new file")
