"""The progress of a running attempt within its epoch."""

from nas.schema.base import Frozen

PROGRESS = "progress.json"
"""The file in an attempt's folder."""


class Progress(Frozen):
    """Finished batches of an epoch, including validation."""

    epoch: int
    """The running epoch, from 1."""
    batch: int
    """Batches done."""
    batches: int
    """All batches of the epoch; an estimate in the first epoch."""

    @property
    def share(self) -> float:
        """The finished share of the epoch, in [0, 1]."""
        return self.batch / self.batches if self.batches else 0.0
