"""Looking at every image file before anything is made of it. Torch-free."""

import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import UnidentifiedImageError

from nas.data.preprocess import BYTES, COLOUR, FLOATS, Picture, read
from nas.spec import ProblemError, one_line

Tell = Callable[[int, int], None]
"""Called after each file with (done, total)."""

T = TypeVar("T")

SHOWN = 10
"""Bad files that an error names; the rest is a count."""
_READ = "cannot read this image "
OUTLIERS = 1e-4
"""Share of an image's darkest and of its brightest pixels that the range of values leaves out."""
BLANK_SHARE, BLANK_LEVELS = 0.9, 2
"""Refused: so many training images within so many of 255 levels of one and the same colour."""
SHALLOW = frozenset((BYTES, COLOUR))
"""Depths whose white is 255 once they are read, so that they go together."""
DARKEST_COLOUR = 64
"""16-bit colour that never comes to a quarter of its range has lost too much to be used."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one file holds."""

    path: Path
    depth: str
    """See nas.data.preprocess."""
    low: tuple[float, ...]
    """The least value of each band; of a deep image's one, without outliers."""
    high: tuple[float, ...]
    frames: int


def look(path: Path) -> Look:
    """Decodes one file whole; ProblemError, which names it, for one that cannot be used."""
    picture: Picture = usable(read, path)
    if picture.image.mode == "F":
        values = np.asarray(picture.image).ravel()
        out = int(len(values) * OUTLIERS)
        ends = np.partition(values, (out, -1 - out))[[out, -1 - out]]
        low, high = ends[:1], ends[1:]
    else:
        low, high = np.array(picture.image.getextrema()).reshape(-1, 2).T
    return Look(path, picture.depth, tuple(low.tolist()), tuple(high.tolist()), picture.frames)


def look_at_all(paths: Sequence[Path], tell: Tell = lambda done, total: None) -> list[Look]:
    """Looks at every file. Raises ProblemError with the first SHOWN of the bad ones, or where the
    files have not one depth."""
    looks = sound(each(look, paths, tell))
    count = Counter(one.depth for one in looks)
    if len(count) > 1 and not count.keys() <= SHALLOW:
        first = {one.depth: one.path for one in reversed(looks)}
        raise ProblemError(
            "images of different depths, which no one scale fits: "
            + "; ".join(f"{n} of {depth} ({first[depth]})" for depth, n in count.most_common()),
            fix="convert all to one depth",
        )
    return looks


def value_range(training: Sequence[Look]) -> tuple[float, float] | None:
    """What a deep data set's values are mapped from, to 0…1; None where images have 8 bits.

    The least and the greatest value of the training images, each less its OUTLIERS; 0 and 1 for
    floating point that lies between them. Raises ProblemError where that is nothing.
    """
    depth = training[0].depth
    if depth in SHALLOW:
        return None
    least = min(training, key=lambda one: one.low)
    most = max(training, key=lambda one: one.high)
    low, high = least.low[0], most.high[0]
    if depth == FLOATS and low >= 0 and high <= 1:
        return 0.0, 1.0
    if low == high:
        raise ProblemError(f"all training images hold one value alone, {low:g}")
    return low, high


def range_of(training: Sequence[Path]) -> tuple[float, float] | None:
    """`value_range` of files; those of shallow images are not looked at beyond the first."""
    if not training or look(training[0]).depth in SHALLOW:
        return None
    return value_range(look_at_all(training))


def check_pixels(training: Sequence[Look]) -> None:
    """Raises ProblemError where nearly all training images are blank, or 16-bit colour is lost."""
    colour = [one for one in training if one.depth == COLOUR]
    if colour and (brightest := max(max(one.high) for one in colour)) < DARKEST_COLOUR:
        raise ProblemError(
            "16-bit colour is cut to its upper 8 bits, and in the training images they come to"
            f" {brightest:g} of 255",
            where=str(colour[0].path),
            fix="stretch the images to the whole range, or convert them to 8 bits",
        )
    scale, why = 1.0, ""
    if (span := value_range(training)) is not None:
        scale = (span[1] - span[0]) / 255
        least = min(training, key=lambda one: one.low)
        most = max(training, key=lambda one: one.high)
        why = f"; their values go from {span[0]:g} ({least.path}) to {span[1]:g} ({most.path})"
    low, high = (
        np.array([bands * 3 if len(bands) == 1 else bands for bands in values])
        for values in ([one.low for one in training], [one.high for one in training])
    )
    middle = np.median((low + high) / 2, axis=0)
    reach = BLANK_LEVELS * scale
    blank = ((low >= middle - reach) & (high <= middle + reach)).all(axis=1)
    if blank.mean() >= BLANK_SHARE:
        raise ProblemError(
            f"{int(blank.sum())} of {len(blank)} training images are blank, all of one colour{why}",
            where=str(training[int(blank.argmax())].path),
            fix="look at this one, and give images that differ",
        )


def usable(function: Callable[[Path], T], path: Path) -> T:
    """What `function` makes of a file; ProblemError where it raises anything."""
    try:
        if not path.is_file():
            raise ValueError("no file, or a link to none")
        return function(path)
    except UnidentifiedImageError as error:
        why = "of no format that Pillow reads"
        if path.suffix.lower() in (".tif", ".tiff"):
            why += ": of TIFF, integers to 32 bits and floating point of 32"
        raise _unusable(path, why) from error
    except Exception as error:  # whatever a decoder makes of a hostile file
        raise _unusable(path, str(error) or one_line(error)) from error


def _unusable(path: Path, why: str) -> ProblemError:
    return ProblemError(f"{_READ}({why})", where=str(path), fix="mend or remove the file")


def each(
    function: Callable[[Path], T],
    paths: Sequence[Path],
    tell: Tell = lambda done, total: None,
) -> Iterator[T | ProblemError]:
    """`function` of every file, in order; a ProblemError is a value here."""

    def guarded(path: Path) -> T | ProblemError:
        try:
            return function(path)
        except ProblemError as error:
            return error

    # Pillow decodes without the interpreter's lock, so a few threads overlap the disk.
    with warnings.catch_warnings(), ThreadPoolExecutor(4) as pool:
        warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            for done, result in enumerate(pool.map(guarded, paths), start=1):
                yield result
                tell(done, len(paths))
        finally:  # whoever stops here, by Ctrl-C say, waits for no other file
            pool.shutdown(cancel_futures=True)


def sound(results: Iterator[T | ProblemError]) -> list[T]:
    """The results; ProblemError with the first SHOWN of the bad ones and their number."""
    good, bad, total = [], [], 0
    for total, result in enumerate(results, start=1):  # noqa: B007
        if isinstance(result, ProblemError):
            bad.append(result)
        else:
            good.append(result)
    refuse(bad, total)
    return good


def refuse(bad: Sequence[ProblemError], total: int) -> None:
    """Raises what is wrong with some of `total` files, if anything is."""
    if not bad:
        return
    if len(bad) == 1:
        raise bad[0]
    problems = [error.problem for error in bad[:SHOWN]]
    names = "; ".join(f"{problem.where} {problem.what.removeprefix(_READ)}" for problem in problems)
    more = f"; and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
    raise ProblemError(
        f"{len(bad)} of {total} images cannot be read: {names}{more}",
        fix="mend or remove the files",
    )
