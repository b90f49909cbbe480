"""Applies a function to every file of a data set, and reports all bad files at once."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

from PIL import UnidentifiedImageError

from nas.schema import ProblemError, one_line

Tell = Callable[[int, int], None]
"""Called after each file with (done, total)."""

T = TypeVar("T")

SHOWN = 10
"""Number of bad files that an error names; the rest are counted."""
_READ = "cannot read this image "


def usable(function: Callable[[Path], T], path: Path) -> T:
    """The result of `function` for a file; ProblemError if it raises anything."""
    try:
        if not path.is_file():
            raise ValueError("not a file, or a broken link")
        return function(path)
    except UnidentifiedImageError as error:
        why = "not a format that Pillow reads"
        if path.suffix.lower() in (".tif", ".tiff"):
            why += ": for TIFF, integers up to 32 bits and 32-bit floating point"
        raise _unusable(path, why) from error
    except Exception as error:  # decoders raise anything for hostile files
        raise _unusable(path, str(error) or one_line(error)) from error


def _unusable(path: Path, why: str) -> ProblemError:
    return ProblemError(f"{_READ}({why})", where=str(path), fix="repair or remove the file")


def each(
    function: Callable[[Path], T],
    paths: Sequence[Path],
    tell: Tell = lambda done, total: None,
) -> Iterator[T | ProblemError]:
    """Yields `function` of every file, in order; a ProblemError is yielded, not raised."""

    def guarded(path: Path) -> T | ProblemError:
        try:
            return function(path)
        except ProblemError as error:
            return error

    # Pillow releases the GIL while it decodes, so a few threads overlap with reading the disk.
    with warnings.catch_warnings(), ThreadPoolExecutor(4) as pool:
        warnings.filterwarnings("ignore", module=r"PIL\.")
        try:
            for done, result in enumerate(pool.map(guarded, paths), start=1):
                yield result
                tell(done, len(paths))
        finally:  # a consumer that stops here, as on Ctrl-C, waits for no further file
            pool.shutdown(cancel_futures=True)


def sound(results: Iterator[T | ProblemError]) -> list[T]:
    """The results; raises ProblemError with the first SHOWN bad files and their number."""
    good, bad, total = [], [], 0
    for total, result in enumerate(results, start=1):  # noqa: B007
        if isinstance(result, ProblemError):
            bad.append(result)
        else:
            good.append(result)
    refuse(bad, total)
    return good


def refuse(bad: Sequence[ProblemError], total: int) -> None:
    """Raises an error about the bad ones of `total` files, if there are any."""
    if not bad:
        return
    if len(bad) == 1:
        raise bad[0]
    problems = [error.problem for error in bad[:SHOWN]]
    names = "; ".join(f"{problem.where} {problem.what.removeprefix(_READ)}" for problem in problems)
    more = f"; and {len(bad) - SHOWN} more" if len(bad) > SHOWN else ""
    raise ProblemError(
        f"{len(bad)} of {total} images cannot be read: {names}{more}",
        fix="repair or remove the files",
    )
