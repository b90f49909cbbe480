"""Ray's worker side: a reused actor that owns the process in which its trials run.

The actor itself never uses a GPU. So it can start before its trial has a GPU, it can move a trial
to another GPU, and it survives the death of the trial's process.
"""

import os
import time
from typing import Any

from ray import tune

from nas.execute.trial_process import Event, TrialPayload, TrialProcess
from nas.processes.fork_server import FORK_SERVER
from nas.processes.messages import Item, Started
from nas.processes.serving import die_with_parent
from nas.processes.signals import leave_stops_to_driver
from nas.schema import Epoch


class TuneWorker(tune.Trainable):  # type: ignore[misc]
    """A Tune Trainable: `step` returns the next event of a trial; a new config is the next trial.

    Ray runs an actor's calls in the order in which they were made: messages of the driver come
    between steps.
    """

    WAIT_SECONDS = 0.05
    LONG_WAIT_SECONDS = 0.3
    """Seconds between two checks for a grant: at first, and after a while."""

    _awaits_ack = False
    """Whether the process waits for an answer to its last epoch."""

    def setup(self, config: dict[str, Any]) -> None:
        leave_stops_to_driver()
        die_with_parent(os.getppid())  # the raylet, which dies with the driver
        self._take(config["payload"])
        # Ray kills its actors; its own folder is removed all the same.
        FORK_SERVER.root = self._payload.late.parent if self._payload.late else None
        if self._payload.trial.device == "cpu":
            FORK_SERVER.start()
        self._process = TrialProcess()

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.rest()
        self._take(new_config["payload"])
        return True

    def step(self) -> dict[str, Any]:
        """{"event": Event}; {} while the trial waits for the driver's grant."""
        if not self._process.busy:
            self._waits += 1
            time.sleep(min(self.LONG_WAIT_SECONDS, self._waits * self.WAIT_SECONDS))
            return {}
        if self._awaits_ack:
            self._process.ack(True)
        event = self._listen()
        while event is None:
            event = self._listen()
        self._awaits_ack = isinstance(event, Item) and isinstance(event.value, Epoch)
        if not self._awaits_ack and not isinstance(event, Started):
            self._tidy()
        return {"event": event}

    def grant(self, attempt: int, device: str | None) -> None:
        """Starts this trial, on this device only; see TrialProcess."""
        self._waits = 0
        if attempt == self._payload.trial.attempt:
            self._process.begin(self._payload, device)

    def rest(self) -> None:
        """Ends the trial between two epochs; returns when its memory is free."""
        if self._awaits_ack:
            self._awaits_ack = False
            self._process.ack(False)
        self._tidy()

    def dismiss(self) -> None:
        """Frees its process's GPU memory; the next trial gets a new process."""
        if not self._process.busy:
            self._process.close()

    def cleanup(self) -> None:
        self._process.close()

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> Any:
        """One CPU only: Ray lets small requests for GPUs starve large ones, so trials wait in their
        actors and `placing` assigns GPUs."""
        return tune.PlacementGroupFactory([{"CPU": 1.0}])

    def _take(self, payload: TrialPayload) -> None:
        self._payload, self._awaits_ack, self._waits = payload, False, 0

    def _listen(self) -> Event | None:
        if self._process.connection.poll(self.LONG_WAIT_SECONDS):
            return self._process.recv()
        late = self._payload.late is not None and self._payload.late.exists()
        event = self._process.expire() if late else None
        if event is None and self._process.overdue:
            event = self._process.give_up()
        return event

    def _tidy(self) -> None:
        while self._process.busy:
            self._listen()
