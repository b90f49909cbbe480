"""Which data sets there are. Torch-free: a source's module is imported when its name is used."""

import shlex
from contextlib import suppress
from dataclasses import KW_ONLY, dataclass
from importlib import import_module
from pathlib import Path
from typing import Protocol, cast

from nas.data.raw import Raw
from nas.files import followed
from nas.schema import ProblemError, UsageError, command_line, did_you_mean

FOLDERS = {"folder:": "folder", "classes:": "classes"}
"""What a person's own images are named by, and the source that reads them."""
MEMORY_LIMIT = 4 * 2**30
"""Bytes of uint8 pixels above which images are stored smaller, or stay on the disk."""


@dataclass(frozen=True, slots=True)
class DataSet:
    """One data set as a person chooses it."""

    name: str
    about: str
    how: str
    """How to get it: what to type, or that there is nothing to do."""
    _: KW_ONLY
    images: int = 0
    """How many there are, of a set that nobody but its maker fills."""
    files: bool = False
    """Whether its images are files, which nas.data.preprocess reads, or arrays of pixels."""
    pixels: str = ""
    """How its pixels came to 8 bits before anything else was done, in a sentence."""


_BUILT_IN = "nothing to get"
_DIGITS = "scikit-learn's grey levels 0…16 were taken as 0…255"

_ALL = (
    DataSet(
        "digits",
        "1,797 handwritten digits, 8×8, from scikit-learn",
        _BUILT_IN,
        images=1_797,
        pixels=f"{_DIGITS}.",
    ),
    DataSet(
        "noisy-digits",
        "the same under noise, which leaves room at the top",
        _BUILT_IN,
        images=1_797,
        pixels=f"{_DIGITS}; Gaussian noise with a standard deviation of 0.3 of that range was added"
        " to every pixel, once, and the sum cut to 0…255.",
    ),
    DataSet(
        "synthetic", "16 procedural classes in 4 domains, for ground truth", _BUILT_IN, images=1_600
    ),
    DataSet(
        "cifar10", "60,000 photographs, 32×32, 10 classes", "nas data get cifar10", images=60_000
    ),
    DataSet(
        "cifar100", "60,000 photographs, 32×32, 100 classes", "nas data get cifar100", images=60_000
    ),
    DataSet(
        "tiny-imagenet",
        "110,000 photographs, 64×64, 200 classes",
        "nas data get tiny-imagenet",
        images=110_000,
        files=True,
    ),
    DataSet(
        "folder:PATH",
        "your own images: PATH/CLASS/*.jpg, or PATH/train, PATH/val and PATH/test of that form;"
        " classes:PATH where every folder is a class, one called train too",
        "put the images there",
        files=True,
    ),
)
_SETS = {one.name: one for one in _ALL}

_DOWNLOADS = {"cifar10": "170 MB", "cifar100": "169 MB", "tiny-imagenet": "248 MB"}
"""How large they are."""


class Source(Protocol):
    """What a module of `nas.data.sources` offers. `where` is the folder the set lies in."""

    def check(self, where: Path) -> None:
        """Raises ProblemError when the set is not there; reads no image."""

    def num_classes(self, where: Path) -> int:
        """Classes, without reading an image."""

    def num_images(self, where: Path) -> int:
        """Images of all parts, without reading one."""

    def read(self, where: Path) -> Raw:
        """The set; ProblemError where it is damaged."""

    def files(self, where: Path) -> tuple[Path, ...]:
        """Those it is read from, none for one that is computed; reads none."""

    def listed(self, where: Path) -> Raw | None:
        """The set where its images are files, of which it reads none; None where they are not."""


def describe() -> list[DataSet]:
    """Every data set and how to get it."""
    return list(_SETS.values())


def described(dataset: str) -> DataSet:
    """One by its name; `folder:PATH` for any other, as for a person's own images."""
    return _SETS.get(dataset, _SETS["folder:PATH"])


def kept_small(dataset: str, image_size: int, channels: int) -> bool:
    """Whether the images of a set that nas knows are kept at their own size, and scaled up each
    time: at a model's they would exceed MEMORY_LIMIT."""
    return described(dataset).images * channels * image_size**2 > MEMORY_LIMIT


def canonical(dataset: str) -> str:
    """The name that means the same from any working directory: a folder's path made absolute."""
    for prefix in FOLDERS:
        if dataset.startswith(prefix) and (path := dataset.removeprefix(prefix)):
            return prefix + str(followed(_at_home(path)))
    return dataset  # a prefix by itself too, which `find` refuses


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
        if not hasattr(source, "download"):
            raise
        usual = root.absolute() == Path("data").absolute()
        get = command_line("data", "get", dataset, *(() if usual else ("--data-root", str(root))))
        what, where_ = error.problem.what, error.problem.where
        missing = NotHereError(what, where=where_, fix=f"type: {get}")
        missing.size = _DOWNLOADS[dataset]
        raise missing from None


def num_classes(dataset: str, root: Path) -> int:
    """How many classes a data set has, without reading an image; ProblemError as `check`."""
    source, where = find(dataset, root)
    return source.num_classes(where)


def num_images(dataset: str, root: Path) -> int:
    """How many images a data set has, of all parts."""
    source, where = find(dataset, root)
    return source.num_images(where)


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
    fetch = getattr(source, "download", None)
    if fetch is None:
        raise UsageError(f"{name} needs no download", fix=f"nas search --dataset {name}")
    try:
        fetch(where)
    except (OSError, RuntimeError) as error:
        raise ProblemError(
            f"the download of {name} failed: {error}",
            where=str(root),
            fix="check the network and the space on the disk, then try again",
        ) from error


def find(dataset: str, root: Path) -> tuple[Source, Path]:
    """A data set's source and the folder it reads."""
    for prefix, source in FOLDERS.items():
        if dataset.startswith(prefix):
            path = dataset.removeprefix(prefix)
            if not path:
                raise UsageError(f"{prefix} names no path", fix=f"write {prefix}PATH")
            return _source(source), _at_home(path)
    if dataset not in _SETS or dataset == "folder:PATH":
        fix = did_you_mean(dataset, _SETS)
        if _is_folder(dataset):
            fix = f"for the images in that folder type --dataset {shlex.quote(f'folder:{dataset}')}"
        raise UsageError(f"unknown data set {dataset!r}", fix=fix)
    return _source(dataset.replace("-", "_")), root


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


def _source(module: str) -> Source:
    return cast(Source, import_module(f"nas.data.sources.{module}"))
