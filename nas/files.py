"""Files: written whole or not at all, in UTF-8 whatever the locale; read only where they end."""

import errno
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from nas.schema import ProblemError, UsageError

_PART = ".part"
SOURCE_BYTES = 200_000
"""No file that a person writes is larger: all of timm's models as a space take half of it."""


def write_text(path: Path, text: str) -> int:
    """Writes text as UTF-8; its bytes. Raises as `replacing` does.

    A half of a character, as in the name of a file that is not UTF-8, is written as an escape.
    """
    return write_bytes(path, _encoded(text))


def write_output(path: Path, content: str | bytes) -> int:
    """As `write_text` and `write_bytes`, where a person said to. What is no regular file,
    /dev/stdout or a FIFO, is written to."""
    if isinstance(content, str):
        content = _encoded(content)
    if path.exists() and not (path.is_file() or path.is_dir()):
        return path.write_bytes(content)
    return write_bytes(path, content)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def write_bytes(path: Path, content: bytes) -> int:
    """Writes a file; its bytes. Raises as `replacing` does."""
    with replacing(path) as fresh:
        fresh.write_bytes(content)
    return len(content)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new file beside `path`; once it is written and on the disk, it takes its place.

    Where the block or the disk fails, what stood there stays and nothing else is left. A link
    stays a link, and a file's permissions, and its owner where that may be, stay too. Raises
    UsageError where there is no folder for it, or something stands there that is no file; OSError
    where the disk refuses.
    """
    target = followed(path)
    check_parent(path)
    if target.exists() and not target.is_file():
        raise UsageError("this is no regular file", where=str(path), fix="name a new file")
    fresh = target.with_name(unused_name())
    try:
        with _named(path, fresh):
            if target.exists():  # what is private is so from the first byte on
                os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            yield fresh
            flush(fresh)
            _move(fresh, target)
    finally:
        fresh.unlink(missing_ok=True)


def check_parent(path: Path) -> None:
    """Raises UsageError where there is no folder for a file, over any link."""
    folder = followed(path).parent
    if not folder.is_dir():
        raise UsageError("there is no such folder", where=str(folder), fix="make it first")


@contextmanager
def _named(path: Path, fresh: Path) -> Iterator[None]:
    """What goes wrong with `fresh` is told of `path`, the name that a person knows. Raises
    UsageError where a file system, as /proc, has no place for what is new."""
    try:
        yield
    except OSError as error:
        name = Path(str(error.filename or ""))
        if isinstance(error, FileNotFoundError) and name in (fresh, *fresh.parents):
            raise UsageError(
                "nothing can be made here", where=str(path), fix="name another place"
            ) from None
        if fresh in (name, *name.parents):
            error.filename, error.filename2 = str(path), None
        raise


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A folder to write files into; at the end they stand in `path`, a new or an empty folder.

    It may be the working directory, a link to a folder, or where something is mounted. Where the
    block or the disk fails, nothing is left. Raises as `check_new_folder` does.
    """
    check_new_folder(path)
    target = followed(path)
    missing = [folder for folder in target.parents if not folder.exists()]
    # In an empty folder's place nothing can be moved where it is mounted, or one stands in it.
    into = target.exists()
    fresh = (target if into else target.parent) / unused_name()
    moved: list[Path] = []
    try:
        with _named(path, fresh):
            fresh.mkdir(parents=True)
            yield fresh
            for file in fresh.iterdir():
                flush(file)
            if into:
                moved.extend(file.rename(target / file.name) for file in sorted(fresh.iterdir()))
                fresh.rmdir()
            else:
                fresh.rename(target)
    except BaseException:
        shutil.rmtree(fresh, ignore_errors=True)
        for file in moved:
            file.unlink(missing_ok=True)
        for folder in missing:
            with suppress(OSError):
                folder.rmdir()
        raise


def check_new_folder(path: Path) -> None:
    """Raises UsageError unless a folder could be made at `path`, or an empty one is there."""
    check_folder(path)
    target = followed(path)
    if target.exists() and not _holds_nothing(target):
        raise UsageError("this is not an empty folder", where=str(path), fix="name a new one")


def check_folder(path: Path) -> None:
    """Raises UsageError unless a folder is at `path`, over any link, or could be made there."""
    target = followed(path)
    for place in (target, *target.parents):
        if place.is_dir():
            return
        if place.exists():
            raise UsageError(
                "this is no folder",
                where=str(path if place == target else place),
                fix="name a new one",
            )


def make_folder(path: Path) -> None:
    """Makes a folder, over any link, unless it is there. Raises as `check_folder` does, and
    UsageError where a file system has no place for it."""
    check_folder(path)
    target = followed(path)
    with _named(path, target):
        target.mkdir(parents=True, exist_ok=True)


def _holds_nothing(folder: Path) -> bool:
    """Whether a folder is empty, but for what a file system puts at its own root."""
    return all(path.name == "lost+found" and os.path.ismount(folder) for path in folder.iterdir())


def followed(path: Path) -> Path:
    """Where a path leads, over all links. Raises UsageError for links that lead in a circle."""
    try:
        target = path.resolve()
        circle = target.is_symlink()
    except RuntimeError:
        circle = True
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        circle = True
    if circle:
        raise UsageError("this link leads nowhere: to itself", where=str(path), fix="name another")
    return target


def read_source(path: Path) -> str:
    """The text of a file that a person wrote: a regular one, UTF-8, of at most SOURCE_BYTES.

    Raises ProblemError for any other, without reading what never ends; OSError where it cannot be
    read.
    """
    content = beginning(path, SOURCE_BYTES + 1)
    if len(content) > SOURCE_BYTES:
        raise ProblemError(
            f"is larger than the {SOURCE_BYTES // 1000:,} kB that such a file may have",
            where=str(path),
        )
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise ProblemError(
            f"is not UTF-8 text (byte {error.start})", where=str(path), fix="save it as UTF-8"
        ) from None


def beginning(path: Path, size: int) -> bytes:
    """The first bytes of a file, `size` at most.

    Raises ProblemError for what is no regular file and for one that would be waited for, as the
    kernel's in /proc may be; OSError where it cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ProblemError("this is no regular file", where=str(path), fix="name a text file")
    content = b""
    # Its length as stat tells it may be a lie, as in /proc.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", 0) as file:
        while len(content) < size and (more := file.read(size - len(content))) != b"":
            if more is None:
                raise ProblemError("this file has no end", where=str(path), fix="name another")
            content += more
    return content


def flush(path: Path) -> None:
    """A power cut must not leave a name that points to bytes that were never written."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def unfinished(path: Path) -> bool:
    """Whether this is what a writer that was killed left, or one writes now."""
    return re.fullmatch(rf"\.[0-9a-f]+{re.escape(_PART)}", path.name) is not None


def clear_unfinished(folder: Path, *, seconds: float = 0.0) -> None:
    """Removes what writers that were killed left in a folder, so many `seconds` ago or more: in
    that time nobody still writes into it."""
    for path in filter(unfinished, folder.glob(f".*{_PART}")):
        with suppress(OSError):
            if seconds and time.time() - path.lstat().st_mtime < seconds:
                continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def unused_name() -> str:
    """A hidden name of bounded length, whatever the length of the name that it stands for."""
    return f".{uuid4().hex}{_PART}"


def _move(fresh: Path, target: Path) -> None:
    if target.exists():
        _take_after(fresh, target.stat())
    try:
        fresh.replace(target)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        shutil.copyfile(fresh, target)  # a file that is mounted by itself, as docker -v does


def _take_after(fresh: Path, old: os.stat_result) -> None:
    """Gives a file the owner that another has, as far as that may be, and its permissions."""
    for owner in (old.st_uid, -1):
        try:
            os.chown(fresh, owner, old.st_gid)
        except PermissionError:
            continue
        break
    fresh.chmod(stat.S_IMODE(old.st_mode) & 0o777)
