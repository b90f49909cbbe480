"""Handles stop signals, before the first trial and while trials run."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType
from typing import NoReturn

from nas.campaign.stopping import Stopping

TOGETHER_SECONDS = 1.0
"""Signals within this time count as one: a closing terminal or a service manager sends several."""


class Stopped(KeyboardInterrupt):
    """A signal other than Ctrl-C stopped the process before the first trial."""


@contextmanager
def stops_raise() -> Iterator[None]:
    """SIGTERM and a closed terminal raise Stopped, as Ctrl-C raises KeyboardInterrupt."""

    def stop(number: int, _: FrameType | None) -> NoReturn:
        raise Stopped(signal.Signals(number).name)

    with _handled(stop, signal.SIGTERM, signal.SIGHUP):
        yield


@contextmanager
def stops_reach(stopping: Stopping) -> Iterator[None]:
    """The first Ctrl-C, SIGTERM or closed terminal stops cleanly; a second one stops at once.

    A closing terminal does not count as a second signal, nor does a SIGTERM right after another
    one.
    """
    first = 0.0

    def stop(number: int, _: FrameType | None) -> None:
        nonlocal first
        first = first or monotonic()
        late = monotonic() - first > TOGETHER_SECONDS
        insists = number == signal.SIGINT or (number == signal.SIGTERM and late)
        if stopping.interrupted and insists:
            stopping.abort = True
        stopping.interrupt(signal.Signals(number).name)

    with _handled(stop, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        yield


@contextmanager
def _handled(
    handler: Callable[[int, FrameType | None], None], *numbers: signal.Signals
) -> Iterator[None]:
    """Installs a handler for signals; SIGHUP stays ignored under `nohup`."""
    nohup = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    wanted = [number for number in numbers if not (nohup and number == signal.SIGHUP)]
    before = {number: signal.signal(number, handler) for number in wanted}
    try:
        yield
    finally:
        for number, earlier in before.items():
            signal.signal(number, earlier)
