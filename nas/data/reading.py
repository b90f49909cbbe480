"""Doing something with every file of a data set, so that all bad ones are told at once."""

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
"""Bad files that an error names; the rest is a count."""
_READ = "cannot read this image "


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
