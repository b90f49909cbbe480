"""The contract of a training procedure."""

from collections.abc import Collection, Iterator, Mapping
from typing import Any, ClassVar

import torch
from torch import nn

from nas.compute import Compute
from nas.data.batches import Data
from nas.moe import as_routed
from nas.schema import (
    Axis,
    Epoch,
    ProblemError,
    Recipe,
    Scalar,
    TrainingEvent,
    did_you_mean,
)
from nas.train.knobs import Knobs
from nas.train.loop import EpochLoop, Tick
from nas.train.objective import AuxiliaryLosses


class Procedure(EpochLoop):
    """Trains a model, one epoch at a time. Owns its optimizer and all its randomness.

    A file in this folder holds one subclass; `tests/train` runs the contract on each:

    - `events` yields epochs numbered on from the state's, up to the recipe's, and the figures,
      parameters and buffers of a resumed run equal an uninterrupted one's bit for bit on a CPU;
    - after each yielded epoch the model is in evaluation mode and ready to be saved; after the last
      of a phase, and those of `rungs`, the BatchNorm of what trains is re-estimated, so that it is
      ready to be scored;
    - the result depends on the model, the data, the recipe and the seed, not on what the process
      ran before;
    - a loss or gradient that is not finite raises NonFiniteLossError; what `tick` raises passes;
    - what does not train in an epoch keeps every bit of its parameters and buffers in it.

    A subclass says what trains when (`part` or `phases`), on which images (`split`) and for what
    (`objective`), and does something between epochs (`before_epoch`, `after_epoch`) or steps
    (`after_step`). Where training changes shapes or names of parameters, `rebuild` makes them again
    from a state. Where its state is more than model and optimizer it overrides `restore` and
    `state_dict`. A state may be any mixture of dict, list, numbers, strings and tensors:
    `torch.load(weights_only=True)` must read it.

    The objective is cross-entropy against smoothed labels, mixed where images are, plus the
    auxiliary losses of every layer that routes: the load-balancing loss times the recipe's
    `balance_weight`, and those that the recipe's `losses` name.
    """

    axes: ClassVar[tuple[Axis, ...]] = ()
    """The settings that it has, which the recipe's `settings` give and a space may search as
    `recipe.settings.NAME`."""

    def __init__(
        self,
        model: nn.Module,
        data: Data,
        recipe: Recipe,
        *,
        device: torch.device,
        seed: int,
        micro_batches: int = 1,
        tick: Tick = lambda: None,
        rungs: Collection[int] = (),
    ) -> None:
        """Moves the model to the device, and freezes what does not train. Raises ProblemError for
        a setting that the procedure does not have, BuildError for a model that it cannot train.

        `micro_batches`: pieces of at least 2 images that a batch is split into; their gradients add
        up to the whole batch's, BatchNorm and the auxiliary losses see the pieces. `rungs`: the
        epochs before the last whose validation decides whether training goes on.
        """
        self.compute = Compute.of(recipe, device)
        self.model = self.compute.place(model)
        self.routed = as_routed(self.model)
        self.data = data
        self.recipe = recipe
        self.device = device
        self.seed = seed
        self.micro_batches = micro_batches
        self.tick = tick
        self.rungs = frozenset(rungs)
        self.epoch = 0
        self.settings = self.settings_of(recipe)
        self.prepare()
        self._phase = -1
        self._enter(1)
        self._losses = AuxiliaryLosses(recipe)
        self._loss_names = self._losses.names if self.routed else ()
        self._knobs = Knobs(self.model, recipe)
        self._events: list[TrainingEvent] = []
        self._steps = 0
        # Reading the loss back waits for the device, so on CUDA that is done now and then.
        self._check_every = 25 if device.type == "cuda" else 1

    # For a subclass

    @classmethod
    def settings_of(cls, recipe: Recipe) -> dict[str, Scalar]:
        """A value for each of `axes`; ProblemError for a setting that is none, or may not be."""
        known = {axis.name: axis for axis in cls.axes}
        for name in recipe.settings:
            if name not in known:
                raise ProblemError(
                    f"the procedure {recipe.procedure} has no setting {name!r}",
                    fix=did_you_mean(name, known) or "it has none",
                )
        return {n: axis.check(recipe.settings.get(n, axis.default)) for n, axis in known.items()}

    def record(self, kind: str, reason: str = "", **data: Any) -> None:
        """Reports a training event with the epoch that is yielded next."""
        event = TrainingEvent(kind=kind, step=self._steps, reason=reason, data=data)
        self._events.append(event)

    def prepare(self) -> None:
        """Called before all else: gives the model what it needs to be trained. Raises BuildError
        for one that it cannot train, or settings that do not fit it."""

    def rebuild(self, state: Mapping[str, Any]) -> None:
        """Gives the model the parameters that a state has, before their numbers are loaded."""

    # For the worker

    def events(self, state: dict[str, Any] | None = None) -> Iterator[Epoch]:
        """Trains from a state's epoch, or the present one, and yields each epoch's results."""
        if state is not None:
            self.restore(state)
        while self.epoch < self.recipe.epochs:
            epoch = self._run(self.epoch + 1)
            events, self._events = tuple(self._events), []
            yield epoch.with_(events=events) if events else epoch

    def restore(self, state: dict[str, Any]) -> None:
        """Replaces the current state, before the first epoch.

        Raises any exception for a damaged state; the procedure cannot be used after that.
        """
        epoch = state["epoch"]
        if type(epoch) is not int or not 0 <= epoch <= self.recipe.epochs:
            raise ValueError(f"{epoch!r} is no epoch of {self.recipe.epochs}")
        self._phase = -1
        self.rebuild(state)
        self._enter(max(1, epoch))
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch = epoch
        # States of an older nas are of one split alone.
        self._steps = state.get("steps", epoch * self.split.steps(self.recipe.batch_size))
        self.last_score = None

    def state_dict(self) -> dict[str, Any]:
        """All that `restore` needs to continue after the last yielded epoch."""
        return {
            "epoch": self.epoch,
            "steps": self._steps,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }
