"""What is to be done at an end, each part of it whatever becomes of the others."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def always(*steps: Callable[[], object]) -> Iterator[None]:
    """Takes every step after the block. The first error is raised, the block's if it has one: what
    fails after it fails for the same reason, or says less. The later ones are its notes."""
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
                first.add_note(f"and after it {type(error).__name__}: {error}")
    if first is not None:
        raise first
