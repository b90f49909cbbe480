"""The worker's side of Ray: one actor, reused, that takes a trial's generator a step at a time."""

import faulthandler
import os
import traceback
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name
from typing import IO, Any

from ray import tune

from nas.execute.child import die_with_parent
from nas.files import write_text
from nas.spec import Epoch, Outcome, Trial, one_line


class RestartNeeded(Exception):  # noqa: N818 - no fault of its own
    """The trial has its outcome; the process is unfit for another."""


class Parcel:
    """A trial on its way through Tune, which copies and prints whatever it finds in a config."""

    def __init__(self, trial: Trial, evaluate: str, last_words: Path) -> None:
        self.trial = trial
        self.evaluate = evaluate
        self.last_words = last_words
        """Where faulthandler writes if the process dies of a signal: Ray does not say of which."""

    @property
    def outcome(self) -> Path:
        """Where the outcome is left by a worker that must not be used again."""
        return self.last_words.with_suffix(".outcome")

    def __deepcopy__(self, memo: dict[int, Any]) -> "Parcel":
        return self

    def __repr__(self) -> str:
        return f"attempt {self.trial.attempt}"


class TuneWorker(tune.Trainable):  # type: ignore[misc]
    """`step` is `next` on the trial's generator; a new config is the next trial."""

    def setup(self, config: dict[str, Any]) -> None:
        die_with_parent(os.getppid())  # the raylet, which dies with the driver
        self._words: IO[bytes] | None = None
        self._begin(config["parcel"])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        self._end()
        self._begin(new_config["parcel"])
        return True

    def step(self) -> dict[str, Any]:
        """{"epoch": JSON}, or at the end {"outcome": JSON, "done": True}; where there is no
        outcome, {"raised": [problem, detail], "done": True}."""
        try:
            event = next(self._events, None)
        except BaseException as error:  # returned, not raised: a raised one costs the actor
            raised = [one_line(error), traceback.format_exc()]
        else:
            if isinstance(event, Epoch):
                return {"epoch": event.model_dump_json()}
            if event is not None:
                self._end()
                if event.needs_restart:
                    write_text(self._outcome, event.model_dump_json())
                    raise RestartNeeded("raised to end this process")  # Tune replaces the actor
                return {"outcome": event.model_dump_json(), "done": True}
            raised = ["ended without an outcome", ""]
        self._end()
        return {"raised": raised, "done": True}

    def cleanup(self) -> None:
        self._end()

    @classmethod
    def default_resource_request(cls, config: dict[str, Any]) -> Any:
        """One CPU, and of a GPU the trial's share: Ray adds shares up to 1 a device."""
        trial: Trial = config["parcel"].trial
        bundle = {"CPU": 1.0}
        if trial.device != "cpu":
            bundle["GPU"] = 1.0 if trial.memory_fraction is None else trial.memory_fraction
        return tune.PlacementGroupFactory([bundle])

    def _begin(self, parcel: Parcel) -> None:
        self._words = parcel.last_words.open("wb")
        self._outcome = parcel.outcome
        faulthandler.enable(file=self._words, all_threads=False)
        # Ray shows a worker only the GPU that is its own, so its "cuda" is the right one.
        self._events: Iterator[Epoch | Outcome] = resolve_name(parcel.evaluate)(parcel.trial)

    def _end(self) -> None:
        """Closes the trial, whether or not it came to its end."""
        close = getattr(self._events, "close", None)
        if close is not None:
            close()
        self._events = iter(())
        if self._words is not None:
            faulthandler.enable()  # standard error again, before this file is closed
            self._words.close()
            self._words = None
