"""How far an epoch is, for whoever watches: a small file in the attempt's folder.

It needs no answer and no place in the executor's protocol; whoever cannot see the folder, on
another machine, sees finished epochs alone.
"""

from contextlib import suppress
from pathlib import Path

from nas.schema.progress import PROGRESS, Progress
from nas.working_time import awake

SECONDS = 2.0
"""Between two writings; an epoch that is shorter is never written of."""


class ProgressFile:
    """Counts the batches of an epoch, training and validation alike."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / PROGRESS
        self._epoch = 0
        self._done = 0
        self._total = 0
        self._written = awake()

    def begin(self, epoch: int, batches: int) -> None:
        """An epoch begins; of so many batches, unless the one before had more."""
        self._epoch, self._total, self._done = epoch, max(batches, self._done), 0

    def batch(self) -> None:
        """One more is done."""
        self._done += 1
        if awake() - self._written < SECONDS:
            return
        self._written = awake()
        found = Progress(epoch=self._epoch, batch=self._done, batches=max(self._total, self._done))
        with suppress(OSError):  # nothing depends on it
            self._file.parent.mkdir(parents=True, exist_ok=True)
            self._file.write_text(found.model_dump_json(), encoding="utf-8")
