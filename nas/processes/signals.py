"""Signals that ask a campaign to stop: the driver acts on them, no worker does.

A closing terminal, a service manager or a batch system sends them to every process of a group or a
container. A worker that died of one would lose the epoch that the driver means to keep.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STOPS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


@contextmanager
def stops_held() -> Iterator[None]:
    """Holds stop signals back; one that comes meanwhile is dealt with after.

    Processes and threads that are started meanwhile inherit that, from their first instruction.
    In the main thread, whatever replaces this process's handlers meanwhile, in Python or, unseen
    by `signal.getsignal`, below it, is undone.
    """
    if threading.current_thread() is not threading.main_thread():
        with _masked():
            yield
        return
    came: list[signal.Signals] = []
    # The mask is this thread's alone: another one may be handed the signal, and Python would still
    # call the handler in this one.
    own = {number: signal.getsignal(number) for number in STOPS}
    handlers = {number: handler for number, handler in own.items() if callable(handler)}
    try:
        with _masked():
            for number in handlers:
                signal.signal(number, lambda number, frame: came.append(signal.Signals(number)))
            try:
                yield
            finally:
                for number, handler in own.items():
                    if handler is not None:  # None: not Python's, so not Python's to set
                        signal.signal(number, handler)
    finally:
        for number in came:
            signal.raise_signal(number)


@contextmanager
def _masked() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def leave_stops_to_driver() -> None:
    """Makes this process, a worker, outlive stop signals. Call it in the main thread.

    Processes that it starts ignore Ctrl-C and a closing terminal as it does; SIGTERM ends them, for
    that is how multiprocessing ends a pool.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Not SIG_IGN, which programs started from here would inherit.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    signal.siginterrupt(signal.SIGTERM, False)
    _end_forked_by_sigterm()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def _end_forked_by_sigterm() -> None:
    """A forked child ends by SIGTERM from its first instruction: one that came before its handler
    is gone would be lost in that."""
    forking = threading.local()

    def before() -> None:
        forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def in_parent() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, forking.mask)

    def in_child() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, forking.mask)

    os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)
