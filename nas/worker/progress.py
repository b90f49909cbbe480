"""Progress within an epoch, written to a small file in the attempt's folder.

A display reads the file; the executor's protocol is not involved. A display that cannot see the
folder, on another machine, shows finished epochs only.
"""

from contextlib import suppress
from pathlib import Path

from nas.schema.progress import PROGRESS, Progress
from nas.working_time import awake

SECONDS = 2.0
"""Seconds between two writes; a shorter epoch writes nothing."""


class ProgressFile:
    """Counts the batches of an epoch, training and validation alike."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / PROGRESS
        self._epoch = 0
        self._done = 0
        self._total = 0
        self._written = awake()

    def begin(self, epoch: int, batches: int) -> None:
        """Starts an epoch of `batches` batches, or of as many as the previous one had, if more."""
        self._epoch, self._total, self._done = epoch, max(batches, self._done), 0

    def batch(self) -> None:
        """Counts one more batch."""
        self._done += 1
        if awake() - self._written < SECONDS:
            return
        self._written = awake()
        found = Progress(epoch=self._epoch, batch=self._done, batches=max(self._total, self._done))
        with suppress(OSError):  # only a display needs it
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(found.model_dump_json(), encoding="utf-8")
