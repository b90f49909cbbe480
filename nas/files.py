"""Atomic file writes in UTF-8, whatever the locale, and bounded reads."""

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
"""Size limit for a file that a person writes; a space with all timm models needs half of it."""


def write_text(path: Path, text: str) -> int:
    """Writes text as UTF-8 and returns the number of bytes. Raises as `replacing` does.

    Lone surrogates, as in the name of a file that is not UTF-8, are written as escapes.
    """
    return write_bytes(path, _encoded(text))


def write_output(path: Path, content: str | bytes) -> int:
    """Writes to a path that a person named, as `write_text` and `write_bytes` do. An existing
    special file (/dev/stdout, a FIFO) is written to directly."""
    if isinstance(content, str):
        content = _encoded(content)
    if path.exists() and not (path.is_file() or path.is_dir()):
        with _named(path, path):
            return path.write_bytes(content)
    return write_bytes(path, content)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def write_bytes(path: Path, content: bytes) -> int:
    """Writes a file and returns the number of bytes. Raises as `replacing` does."""
    with replacing(path) as fresh:
        fresh.write_bytes(content)
    return len(content)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yields a temporary file beside `path`, which replaces `path` once it is synced to disk.

    If the block or the disk fails, the old file stays and the temporary one is removed. A link
    stays a link. The new file keeps the old one's permissions, and its owner where allowed.
    Raises UsageError if the folder does not exist or `path` is not a regular file, OSError if the
    disk refuses.
    """
    target = followed(path)
    check_parent(path)
    if target.exists() and not target.is_file():
        raise UsageError("this is not a regular file", where=str(path), fix="name a new file")
    fresh = target.with_name(unused_name())
    try:
        with _named(path, fresh):
            if target.exists():  # a private file must be private from the first byte on
                os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
            yield fresh
            flush(fresh)
            _move(fresh, target)
    finally:
        fresh.unlink(missing_ok=True)


def check_parent(path: Path) -> None:
    """Raises UsageError if a file's folder does not exist; links are followed."""
    folder = followed(path).parent
    if not folder.is_dir():
        raise UsageError("there is no such folder", where=str(folder), fix="create it first")


@contextmanager
def _named(path: Path, fresh: Path) -> Iterator[None]:
    """Reports errors about the temporary file `fresh` under `path`, the name that a person knows.
    Raises UsageError if the file system does not allow new files (/proc)."""
    try:
        yield
    except OSError as error:
        name = Path(str(error.filename or ""))
        if isinstance(error, FileNotFoundError) and name in (fresh, *fresh.parents):
            raise UsageError(
                "nothing can be created here", where=str(path), fix="name another place"
            ) from None
        if not error.filename or fresh in (name, *name.parents):  # a full disk names no file
            error.filename, error.filename2 = str(path), None
        raise


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yields a temporary folder; at the end its files move to `path`, a new or an empty folder.

    `path` may be the working directory, a link to a folder, or a mount point. If the block or the
    disk fails, nothing is left. Raises as `check_new_folder` does.
    """
    check_new_folder(path)
    target = followed(path)
    missing = [folder for folder in target.parents if not folder.exists()]
    # An existing folder is kept: a mount point or a working directory cannot be replaced.
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
    """Raises UsageError unless `path` is an empty folder or a folder could be made there."""
    check_folder(path)
    target = followed(path)
    if target.exists() and not _holds_nothing(target):
        raise UsageError("this is not an empty folder", where=str(path), fix="name a new one")


def check_folder(path: Path) -> None:
    """Raises UsageError unless `path` is a folder or one could be made there; follows links."""
    target = followed(path)
    for place in (target, *target.parents):
        if place.is_dir():
            return
        if place.exists():
            raise UsageError(
                "this is not a folder",
                where=str(path if place == target else place),
                fix="name a new one",
            )


def make_folder(path: Path) -> None:
    """Makes a folder if it does not exist; follows links. Raises as `check_folder` does, and
    UsageError if the file system does not allow it."""
    check_folder(path)
    target = followed(path)
    with _named(path, target):
        target.mkdir(parents=True, exist_ok=True)


def _holds_nothing(folder: Path) -> bool:
    """Whether a folder is empty, ignoring `lost+found` in the root of a file system."""
    return all(path.name == "lost+found" and os.path.ismount(folder) for path in folder.iterdir())


def followed(path: Path) -> Path:
    """The target of a path with all links resolved. Raises UsageError for a circle of links."""
    try:
        target = path.resolve()
        circle = any(part.is_symlink() for part in (target, *target.parents))  # from Python 3.13
    except RuntimeError:
        circle = True
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        circle = True
    if circle:
        raise UsageError("this link leads back to itself", where=str(path), fix="name another")
    return target


def read_source(path: Path) -> str:
    """The text of a file that a person wrote: a regular file, UTF-8, at most SOURCE_BYTES.

    Raises ProblemError for any other file, without reading an endless one; OSError if it cannot
    be read.
    """
    content = beginning(path, SOURCE_BYTES + 1)
    if len(content) > SOURCE_BYTES:
        raise ProblemError(
            f"is larger than {SOURCE_BYTES // 1000:,} kB, the limit for such a file",
            where=str(path),
        )
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        raise ProblemError(
            f"is not UTF-8 text (byte {error.start})", where=str(path), fix="save it as UTF-8"
        ) from None


def beginning(path: Path, size: int) -> bytes:
    """The first bytes of a file, at most `size`.

    Raises ProblemError if it is not a regular file, or if reading would block, as some files in
    /proc do; OSError if it cannot be read.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise ProblemError("this is not a regular file", where=str(path), fix="name a text file")
    content = b""
    # stat may report a wrong length, as in /proc.
    with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb", 0) as file:
        while len(content) < size and (more := file.read(size - len(content))) != b"":
            if more is None:
                raise ProblemError("this file never ends", where=str(path), fix="name another")
            content += more
    return content


def flush(path: Path) -> None:
    """Syncs a file to disk: a power cut must not leave a name for bytes that were never written."""
    with path.open("rb") as file:
        os.fsync(file.fileno())


def unfinished(path: Path) -> bool:
    """Whether this is the temporary file of a writer that was killed or is still at work."""
    return re.fullmatch(rf"\.[0-9a-f]+{re.escape(_PART)}", path.name) is not None


def clear_unfinished(folder: Path, *, seconds: float = 0.0) -> None:
    """Removes temporary files of killed writers. Only files at least `seconds` old are removed:
    after that time, no writer is still at work."""
    for path in filter(unfinished, folder.glob(f".*{_PART}")):
        with suppress(OSError):
            if seconds and time.time() - path.lstat().st_mtime < seconds:
                continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def unused_name() -> str:
    """A hidden name of fixed length, however long the final name is."""
    return f".{uuid4().hex}{_PART}"


def _move(fresh: Path, target: Path) -> None:
    if target.exists():
        _take_after(fresh, target.stat())
    try:
        fresh.replace(target)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise
        shutil.copyfile(fresh, target)  # the file is itself a mount point, as with docker -v


def _take_after(fresh: Path, old: os.stat_result) -> None:
    """Gives a file the permissions of another and, as far as allowed, its owner."""
    for owner in (old.st_uid, -1):
        try:
            os.chown(fresh, owner, old.st_gid)
        except PermissionError:
            continue
        break
    fresh.chmod(stat.S_IMODE(old.st_mode) & 0o777)
