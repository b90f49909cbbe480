"""Finds data sets by name. Torch-free: a source's module is imported when its name is used."""

import shlex
from contextlib import suppress
from pathlib import Path

from nas.data.sources.base import Source
from nas.files import followed
from nas.registry import DATA_SETS
from nas.schema import ProblemError, UsageError, command_line, did_you_mean

MEMORY_LIMIT = 4 * 2**30
"""Bytes of uint8 pixels above which images are stored smaller, or read from the disk each time."""


def describe() -> list[Source]:
    """All data sets; the user's own folders come last."""
    found = [_source(name) for name in DATA_SETS.names()]
    return sorted(found, key=lambda source: source.takes_path)


def described(dataset: str) -> Source:
    """The source of a data set by its name; for an unknown name, that of a user's own folder."""
    name, _, _ = dataset.partition(":")
    return _source(name if name in DATA_SETS.names() else "folder")


def is_own(dataset: str) -> bool:
    """Whether the name is that of a user's own folder."""
    return ":" in dataset


def kept_small(dataset: str, image_size: int, channels: int) -> bool:
    """Whether images of a known data set are stored at their own size and scaled up for each batch,
    because at the model's size they would exceed MEMORY_LIMIT."""
    return described(dataset).images * channels * image_size**2 > MEMORY_LIMIT


def canonical(dataset: str) -> str:
    """The name with a folder's path made absolute, so that it does not depend on the working
    directory."""
    name, colon, path = dataset.partition(":")
    if not path or name not in DATA_SETS.names():
        return dataset  # possibly unknown: `find` raises
    return name + colon + str(followed(_at_home(path)))


def num_domains(dataset: str) -> int:
    """The number of domains that a data set names of its classes; 0 if it names none."""
    return find(dataset, Path())[0].domains


def check_name(dataset: str) -> None:
    """Raises ProblemError if there is no data set of that name, downloaded or not."""
    find(dataset, Path())


class NotHereError(ProblemError):
    """A data set that can be downloaded is missing."""

    size = ""
    """Size of the download, as text."""


def check(dataset: str, root: Path) -> None:
    """Raises ProblemError if a data set is unknown, missing or empty. Reads no image.

    If it can be downloaded, the error is a NotHereError, which names the command.
    """
    source, where = find(dataset, root)
    try:
        source.check(where)
    except ProblemError as error:
        if not source.download_size:
            raise
        usual = root.absolute() == Path("data").absolute()
        get = command_line("data", "get", dataset, *(() if usual else ("--data-root", str(root))))
        what, where_ = error.problem.what, error.problem.where
        missing = NotHereError(what, where=where_, fix=f"type: {get}")
        missing.size = source.download_size
        raise missing from None


def num_classes(dataset: str, root: Path) -> int:
    """Number of classes of a data set. Reads no image. Raises ProblemError as `check`."""
    source, where = find(dataset, root)
    return source.num_classes(where)


def num_images(dataset: str, root: Path) -> int:
    """Number of images of a data set, in all splits."""
    source, where = find(dataset, root)
    return source.num_images(where)


def file_bytes(dataset: str, root: Path) -> int:
    """Total bytes of a data set's files; 0 for one that is computed."""
    source, where = find(dataset, root)
    return sum(path.stat().st_size for path in source.files(where))


def memory_bytes(dataset: str, root: Path, *, image_size: int, channels: int) -> int:
    """Maximum bytes of its images on a device: uint8 at the model's size, at most MEMORY_LIMIT.
    Reads no image. Raises ProblemError as `check`."""
    source, where = find(dataset, root)
    return min(source.num_images(where) * channels * image_size**2, MEMORY_LIMIT)


def download(name: str, root: Path) -> None:
    """Downloads a data set into `root` and verifies its checksum; does nothing if it is there.

    Raises ProblemError for a data set that cannot be downloaded, and if the network fails.
    """
    source, where = find(name, root)
    if not source.download_size:
        raise UsageError(f"{name} needs no download", fix=f"nas search --dataset {name}")
    if root.exists() and not root.is_dir():
        raise UsageError("this is not a folder", where=str(root), fix="name one with --data-root")
    try:
        source.download(where)
    except (OSError, RuntimeError) as error:
        raise ProblemError(
            f"the download of {name} failed: {error}",
            where=str(root),
            fix="check the network and the space on the disk, then try again",
        ) from error


def find(dataset: str, root: Path) -> tuple[Source, Path]:
    """A data set's source and the folder that it reads. Raises UsageError for an unknown name."""
    name, colon, path = dataset.partition(":")
    if name not in DATA_SETS.names():
        fix = did_you_mean(dataset, [source.typed for source in describe()])
        if dataset and _is_folder(dataset):
            fix = f"for the images in that folder type --dataset {shlex.quote(f'folder:{dataset}')}"
        raise UsageError(f"no data set is called {dataset!r}", fix=fix)
    source = _source(name)
    if not source.takes_path:
        if colon:
            raise UsageError(f"{name} takes no path", fix=f"write {name}")
        return source, root
    if not path:
        raise UsageError(f"{dataset} names no path", fix=f"write {source.typed}")
    return source, _at_home(path)


def _at_home(path: str) -> Path:
    """The path with a leading `~` expanded."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{error}".lower(), where=path, fix="write the whole path") from None


def _is_folder(path: str) -> bool:
    with suppress(OSError, RuntimeError):  # the name is too long, or there is no such home
        return Path(path).expanduser().is_dir()
    return False


def _source(name: str) -> Source:
    return DATA_SETS.subclass(name, Source)()
