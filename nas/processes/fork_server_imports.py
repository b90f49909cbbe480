"""Importing this module prepares the fork server before its first fork."""

import gc
import os
from contextlib import suppress
from importlib import import_module
from pathlib import Path

from nas.processes.fork_server import IMPORTING

PRELOADED = ("nas.worker.evaluate", "nas.measure.profile", "nas.measure.gate", "timm")
"""Imported by name, because these packages are above this one."""


def _silence() -> None:
    """Discards output, such as warnings of imports; a fork that imports prints them again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


if (importing := os.environ.get(IMPORTING)) is not None:
    _silence()
    for name in PRELOADED:
        with suppress(Exception):  # the fork that needs it gets the same error and reports it
            import_module(name)
    gc.freeze()  # objects of imports are never collected, so their pages stay shared
    Path(importing).unlink(missing_ok=True)
