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
    """Holds stop signals back from this thread; one that comes meanwhile is dealt with after.

    Processes and threads that are started meanwhile inherit that, from their first instruction.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def stop_handlers_kept() -> Iterator[None]:
    """As `stops_held`, and afterwards sets this process's handlers anew: for code that replaces
    them, in Python or, unseen by `signal.getsignal`, below it."""
    if threading.current_thread() is not threading.main_thread():  # where none can be replaced
        yield
        return
    handlers = {number: signal.getsignal(number) for number in STOPS}
    with stops_held():
        try:
            yield
        finally:
            for number, handler in handlers.items():
                if handler is not None:  # None: not Python's, so not Python's to set
                    signal.signal(number, handler)


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
    os.register_at_fork(after_in_child=lambda: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
