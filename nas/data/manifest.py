"""A data set's files with their checksums, so that later changes can be detected."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from nas.data.reading import Tell, each, sound, usable

_DIGITS = 32  # of a SHA-256 in hexadecimal: 128 bits
_SHOWN = 3


class File(NamedTuple):
    """A file's checksum, and its size and times, which show that it is unchanged."""

    size: int
    """Bytes."""
    modified: int
    """Nanoseconds since 1970."""
    sha256: str
    """The first 128 bits, in hexadecimal digits."""
    changed: int | None = None
    """Like `modified`, for any change (ctime), which programs cannot set. None in an old record."""


class Manifest(NamedTuple):
    """The classes and files of a data set."""

    classes: tuple[str, ...]
    """Empty if files are not sorted by class."""
    files: dict[str, File]
    """By path relative to the data set's folder."""

    def to_json(self) -> str:
        """JSON in ASCII, whatever characters the names contain."""
        return json.dumps([self.classes, self.files])

    @classmethod
    def from_json(cls, text: str) -> "Manifest":
        """Raises ValueError or TypeError for an invalid text."""
        classes, files = json.loads(text)
        return cls(tuple(classes), {name: File(*row) for name, row in files.items()})

    def checksum(self, path: Path, where: Path) -> str:
        """The checksum of one of the files; `where`: the data set's folder."""
        return self.files[name_in(path, where)].sha256

    def changes(self, now: "Manifest") -> str:
        """A description of the changes since this manifest; empty if nothing changed."""
        files, others = self.files, now.files
        changed = [n for n in files if n in others and files[n].sha256 != others[n].sha256]
        found = {
            "class added": [name for name in now.classes if name not in self.classes],
            "class removed": [name for name in self.classes if name not in now.classes],
            "file added": sorted(others.keys() - files.keys()),
            "file removed": sorted(files.keys() - others.keys()),
            "file changed": sorted(changed),
        }
        return "; ".join(_counted(what, names) for what, names in found.items() if names)


def take(
    files: Sequence[Path],
    where: Path,
    classes: tuple[str, ...],
    *,
    known: Manifest | None = None,
    tell: Tell = lambda done, total: None,
) -> Manifest:
    """The manifest of `files`.

    A file with the size and both times of its `known` entry counts as unchanged and is not read.
    Raises ProblemError for files that cannot be read.
    """
    old = known.files if known else {}

    def measure(path: Path) -> File:
        status = path.stat()
        entry = old.get(name_in(path, where))
        seen = status.st_size, status.st_mtime_ns, status.st_ctime_ns
        if entry and (entry.size, entry.modified, entry.changed) == seen:
            return entry
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        size, modified, changed = seen
        return File(size, modified, digest[:_DIGITS], changed)

    found = sound(each(lambda path: usable(measure, path), files, tell))
    return Manifest(classes, {name_in(f, where): one for f, one in zip(files, found, strict=True)})


def name_in(path: Path, where: Path) -> str:
    """A file's name in a manifest: its path relative to the data set's folder."""
    return str(path.relative_to(where) if path.is_relative_to(where) else path.name)


def _counted(what: str, names: Sequence[str]) -> str:
    noun, verb = what.split()
    plural = noun if len(names) == 1 else {"class": "classes", "file": "files"}[noun]
    more = ", …" if len(names) > _SHOWN else ""
    return f"{len(names)} {plural} {verb} ({', '.join(names[:_SHOWN])}{more})"
