"""What the fork server does before its first fork: importing this module does it."""

import gc
import os
from contextlib import suppress
from importlib import import_module
from pathlib import Path

PRELOADED = ("nas.worker.evaluate", "nas.measure.profile", "nas.measure.gate", "timm")
"""By name: these rooms lie above this one."""


def _silence() -> None:
    """Warnings of imports are nobody's to read: a fork that imports says them again."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    os.close(nowhere)


if (importing := os.environ.get("NAS_FORK_SERVER_IMPORTING")) is not None:
    _silence()
    for name in PRELOADED:
        with suppress(Exception):  # the fork that needs it meets the same, and reports it
            import_module(name)
    gc.freeze()  # what lives now lives as long as the process, and its pages stay shared
    Path(importing).unlink(missing_ok=True)
