"""How far a running attempt is within its epoch."""

from nas.schema.base import Frozen

PROGRESS = "progress.json"
"""The file in an attempt's folder."""


class Progress(Frozen):
    """Batches done of an epoch, those of validation too; the last one's number is a guess in the
    first epoch."""

    epoch: int
    """The running one, from 1."""
    batch: int
    batches: int

    @property
    def share(self) -> float:
        """In [0, 1]."""
        return self.batch / self.batches if self.batches else 0.0
