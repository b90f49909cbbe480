"""Runs cleanup steps that must all run, even if some fail."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def always(*steps: Callable[[], object]) -> Iterator[None]:
    """Runs every step after the block. Raises the first error, which is the block's if it fails;
    later errors are added to it as notes."""
    first: BaseException | None = None
    try:
        yield
    except BaseException as error:
        first = error
    for step in steps:
        try:
            step()
        except BaseException as error:
            if first is None:
                first = error
            elif error is not first:
                first.add_note(f"and then {type(error).__name__}: {error}")
    if first is not None:
        raise first
