"""The worker's side of Ray: one actor, reused, that owns the process in which its trials run.

The actor itself never touches a GPU. So it can be had before there is one for its trial, it can
take a trial to another GPU, and a process that dies takes no actor with it.
"""

import os
import time
from typing import Any

from ray import tune

from nas.execute.trial_process import Event, TrialPayload, TrialProcess
from nas.processes.child import Item, Started, die_with_parent
from nas.processes.signals import leave_stops_to_driver
from nas.schema import Epoch


class TuneWorker(tune.Trainable):  # type: ignore[misc]
    """`step` is the next event of a trial; a new config is the next trial.

    Ray runs what is asked of an actor in the order in which it was asked: what the driver sends
    comes between steps.
    """

    WAIT_SECONDS = 0.05
    LONG_WAIT_SECONDS = 0.3
    """Between two looks for a grant: at first, and after a while."""

    _awaits_ack = False
    """Whether the process waits for an answer to its last epoch."""

    def setup(self, config: dict[str, Any]) -> None:
        leave_stops_to_driver()
        die_with_parent(os.getppid())  # the raylet, which dies with the driver
        self._take(config["order"])
        self._process = TrialProcess()

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self.rest()
        self._take(new_config["order"])
        return True

    def step(self) -> dict[str, Any]:
        """{"event": Event}, or {} while the trial waits for the driver's grant."""
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
        """Lets this trial begin, on this device alone; see TrialProcess."""
        self._waits = 0
        if attempt == self._order.trial.attempt:
            self._process.begin(self._order, device)

    def rest(self) -> None:
        """Ends the trial where it is, between two epochs; returns when its memory is free."""
        if self._awaits_ack:
            self._awaits_ack = False
            self._process.ack(False)
        self._tidy()

    def dismiss(self) -> None:
        """Gives back what its process has of a GPU; the next trial gets a new process."""
        if not self._process.busy:
            self._process.close()

    def cleanup(self) -> None:
        self._process.close()

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> Any:
        """A CPU alone: Ray lets large requests for a GPU starve behind small ones, so trials wait
        in their actors and `placing` gives them GPUs."""
        return tune.PlacementGroupFactory([{"CPU": 1.0}])

    def _take(self, order: TrialPayload) -> None:
        self._order, self._awaits_ack, self._waits = order, False, 0

    def _listen(self) -> Event | None:
        if self._process.connection.poll(self.LONG_WAIT_SECONDS):
            return self._process.recv()
        late = self._order.late is not None and self._order.late.exists()
        event = self._process.expire() if late else None
        if event is None and self._process.overdue:
            event = self._process.give_up()
        return event

    def _tidy(self) -> None:
        while self._process.busy:
            self._listen()
