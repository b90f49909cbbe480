"""Signals that request a stop: the driver handles them, and workers ignore them.

A closing terminal, a service manager or a batch system sends them to every process of a group or
container. A worker that died of one would lose the epoch that the driver wants to keep.
"""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

STOPS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP})


@contextmanager
def stops_held() -> Iterator[None]:
    """Blocks stop signals; those that arrive meanwhile are delivered afterwards.

    Processes and threads started meanwhile inherit the block from their first instruction. In the
    main thread, signal handlers that are replaced meanwhile are restored, even those replaced
    below Python, which `signal.getsignal` does not see.
    """
    if threading.current_thread() is not threading.main_thread():
        with _masked():
            yield
        return
    came: list[signal.Signals] = []
    # The mask applies to this thread only: another thread may receive the signal, and Python would
    # still call the handler in this one.
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
                    if handler is not None:  # None: not installed by Python, which cannot set it
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
    """Makes this worker process survive stop signals. Call it in the main thread.

    Its child processes also ignore Ctrl-C and a closing terminal. SIGTERM ends them, because
    multiprocessing ends a pool with it.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    # Not SIG_IGN, which child programs would inherit.
    signal.signal(signal.SIGTERM, lambda number, frame: None)
    signal.siginterrupt(signal.SIGTERM, False)
    _end_forked_by_sigterm()
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)


def _end_forked_by_sigterm() -> None:
    """Lets SIGTERM end a forked child from its first instruction. The signal is blocked during the
    fork: the handler inherited from the parent would swallow it."""
    forking = threading.local()

    def before() -> None:
        forking.mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})

    def in_parent() -> None:
        signal.pthread_sigmask(signal.SIG_SETMASK, forking.mask)

    def in_child() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, forking.mask)

    os.register_at_fork(before=before, after_in_parent=in_parent, after_in_child=in_child)
