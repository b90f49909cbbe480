"""Progress of a command: a spinner on a terminal, otherwise a line from time to time."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.text import Text

from nas.cli.console import note, printed_at
from nas.cli.volume import quiet
from nas.report.terminal import Terminal
from nas.report.waiting import SilenceBreaker
from nas.schema import format_duration

Update = Callable[[str], None]


@contextmanager
def working(what: str) -> Iterator[Update]:
    """Shows `what` on stderr while a block runs; nothing with `-q`.

    The block receives a function that replaces the shown text.
    """
    terminal = Terminal(stderr=True)
    if quiet():
        yield lambda text: None
    elif terminal.is_terminal:
        with terminal.status(Text(f"{what}…")) as status:
            yield lambda text: status.update(Text(text))
    else:
        doing = [f"{what}…"]
        with SilenceBreaker(
            lambda seconds: note(f"{doing[0]} {format_duration(seconds)}"), printed_at()
        ):
            yield lambda text: doing.__setitem__(0, text)
