"""`--log tensorboard`: one run an attempt, as event files next to the checkpoints."""

import time
from typing import Any

from tensorboardX import summary
from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event

from nas.campaign.trackers.base import Tracker, figures, results, settings, title
from nas.contained import contained
from nas.ledger import LeasedCandidate, Ledger
from nas.schema import Epoch, Outcome, Status
from nas.schema.visible import visible


class TensorBoard(Tracker):
    """Writes `<folder>/<role>-<number>-<key>-<attempt>/events.…`, for `tensorboard --logdir`.

    Scalars per epoch have the ledger's names, with `final/…` at the end; hyperparameters are the
    gate's settings, the role and the families. Raises OSError if writing fails.
    """

    # Not SummaryWriter: it writes in a thread, whose errors are lost, and then blocks.

    def __init__(self, ledger: Ledger, campaign: str) -> None:
        self._folder = contained(ledger.files, ledger.campaign(campaign).id, "tensorboard")
        self._open: dict[int, Any] = {}

    def __str__(self) -> str:
        return f"TensorBoard: tensorboard --logdir {self._folder}"

    def epoch(self, leased: LeasedCandidate, attempt: int, epoch: Epoch) -> None:
        writer = self._writer(leased, attempt)
        for name, value in figures(leased, epoch).items():
            _write(writer, summary.scalar(name, value), epoch.epoch)
        writer.flush()

    def done(self, leased: LeasedCandidate, attempt: int, outcome: Outcome) -> None:
        writer = self._writer(leased, attempt)
        try:
            for name, value in results(outcome).items():
                _write(writer, summary.scalar(name, value), outcome.epochs)
            if outcome.status is Status.OK:
                _write(writer, _session(leased)[2])
        finally:
            del self._open[attempt]
            writer.close()

    def close(self) -> None:
        for writer in self._open.values():
            writer.close()
        self._open.clear()

    def _writer(self, leased: LeasedCandidate, attempt: int) -> Any:
        if attempt not in self._open:
            folder = contained(self._folder, title(leased, attempt))
            folder.mkdir(parents=True, exist_ok=True)
            writer = EventsWriter(str(folder / "events"))
            self._open[attempt] = writer
            for part in _session(leased)[:2]:
                _write(writer, part)
        return self._open[attempt]


def _session(leased: LeasedCandidate) -> tuple[Any, Any, Any]:
    """TensorBoard's records of an experiment, a session's start and its successful end."""
    named = {"role": leased.role.value, "families": visible(" ".join(leased.candidate.families))}
    shown = {"final/val_acc": 0.0, "final/test_acc": 0.0}  # only the names are used
    parts: tuple[Any, Any, Any] = summary.hparams({**named, **settings(leased)}, shown)
    return parts


def _write(writer: Any, part: Any, step: int = 0) -> None:
    writer.write_event(Event(wall_time=time.time(), step=step, summary=part))
