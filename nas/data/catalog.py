"""Which data sets there are. Torch-free: a source's module is imported when its name is used."""

import shlex
from contextlib import suppress
from pathlib import Path

from nas.data.sources.base import Source
from nas.files import followed
from nas.registry import DATA_SETS
from nas.schema import ProblemError, UsageError, command_line, did_you_mean

MEMORY_LIMIT = 4 * 2**30
"""Bytes of uint8 pixels above which images are stored smaller, or stay on the disk."""


def describe() -> list[Source]:
    """Every data set, a person's own folders last."""
    found = [_source(name) for name in DATA_SETS.names()]
    return sorted(found, key=lambda source: source.takes_path)


def described(dataset: str) -> Source:
    """One by its name; that of a person's own folder for a name that is not known here."""
    name, _, _ = dataset.partition(":")
    return _source(name if name in DATA_SETS.names() else "folder")


def is_own(dataset: str) -> bool:
    """Whether its name is one of a person's own folder."""
    return ":" in dataset


def kept_small(dataset: str, image_size: int, channels: int) -> bool:
    """Whether the images of a set that nas knows are kept at their own size, and scaled up each
    time: at a model's they would exceed MEMORY_LIMIT."""
    return described(dataset).images * channels * image_size**2 > MEMORY_LIMIT


def canonical(dataset: str) -> str:
    """The name that means the same from any working directory: a folder's path made absolute."""
    name, colon, path = dataset.partition(":")
    if not path or name not in DATA_SETS.names():
        return dataset  # which `find` may refuse
    return name + colon + str(followed(_at_home(path)))


def check_name(dataset: str) -> None:
    """Raises ProblemError when there is no data set of that name, here or elsewhere."""
    find(dataset, Path())


class NotHereError(ProblemError):
    """A data set that can be downloaded is not there."""

    size = ""
    """Of the download, for a person."""


def check(dataset: str, root: Path) -> None:
    """Raises ProblemError when a data set is unknown, missing or empty. Reads no image.

    Where it could be downloaded that is a NotHereError, which names the command.
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
    """How many classes a data set has, without reading an image; ProblemError as `check`."""
    source, where = find(dataset, root)
    return source.num_classes(where)


def num_images(dataset: str, root: Path) -> int:
    """How many images a data set has, of all parts."""
    source, where = find(dataset, root)
    return source.num_images(where)


def file_bytes(dataset: str, root: Path) -> int:
    """The size of the files that a data set is read from; 0 for one that is computed."""
    source, where = find(dataset, root)
    return sum(path.stat().st_size for path in source.files(where))


def memory_bytes(dataset: str, root: Path, *, image_size: int, channels: int) -> int:
    """The most its images take on a device, where they are kept as uint8 of a model's size, or
    smaller, or not at all beyond MEMORY_LIMIT. Reads no image; ProblemError as `check`."""
    source, where = find(dataset, root)
    return min(source.num_images(where) * channels * image_size**2, MEMORY_LIMIT)


def download(name: str, root: Path) -> None:
    """Fetches a data set into `root` and verifies its checksum; does nothing if it is there.

    Raises ProblemError for a set that cannot be downloaded, and when the network fails.
    """
    source, where = find(name, root)
    if not source.download_size:
        raise UsageError(f"{name} needs no download", fix=f"nas search --dataset {name}")
    try:
        source.download(where)
    except (OSError, RuntimeError) as error:
        raise ProblemError(
            f"the download of {name} failed: {error}",
            where=str(root),
            fix="check the network and the space on the disk, then try again",
        ) from error


def find(dataset: str, root: Path) -> tuple[Source, Path]:
    """A data set's source and the folder it reads. Raises UsageError for an unknown name."""
    name, colon, path = dataset.partition(":")
    if name not in DATA_SETS.names():
        fix = did_you_mean(dataset, [source.typed for source in describe()])
        if _is_folder(dataset):
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
    """A path that may begin with `~`."""
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise UsageError(f"{error}".lower(), where=path, fix="write the whole path") from None


def _is_folder(path: str) -> bool:
    with suppress(OSError, RuntimeError):  # of a name too long, of nobody's home
        return Path(path).expanduser().is_dir()
    return False


def _source(name: str) -> Source:
    return DATA_SETS.subclass(name, Source)()
