"""The contract of a training procedure."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from nas.compute import Compute
from nas.data.batches import Data
from nas.faults import NonFiniteLossError
from nas.schema import Epoch, Recipe
from nas.train.scoring import Score

Tick = Callable[[], None]
"""Called after every step and every evaluated batch; raises to stop, on a time limit say."""


class Procedure(ABC):
    """Trains one model, one epoch at a time. Owns its optimizer and all its randomness.

    A file in this folder holds one subclass; `tests/train` runs the contract on each:

    - `events` yields epochs numbered on from the state's, up to the recipe's, and the figures,
      parameters and buffers of a resumed run equal an uninterrupted one's bit for bit on a CPU;
    - after each yielded epoch the model is in evaluation mode and ready to be saved; after the
      last, and those of `rungs`, its BatchNorm is re-estimated, so that it is ready to be scored;
    - the result depends on the model, the data, the recipe and the seed, not on what the process
      ran before;
    - a loss or gradient that is not finite raises NonFiniteLossError; what `tick` raises passes.

    A subclass has an `optimizer` and runs one epoch at a time; where its state is more than model
    and optimizer it overrides `restore` and `state_dict`. A state may be any mixture of dict, list,
    numbers, strings and tensors: `torch.load(weights_only=True)` must read it.
    """

    optimizer: Optimizer
    last_score: Score | None = None
    """Of the model as it is now on the validation images; None where nobody has scored it."""

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
        """Moves the model to the device. Each step's batch is split into `micro_batches` pieces
        of at least 2 images whose gradients add up to the whole batch's. `rungs`: the epochs before
        the last whose validation decides whether training goes on."""
        self.compute = Compute.of(recipe, device)
        self.model = self.compute.place(model)
        self.data = data
        self.recipe = recipe
        self.device = device
        self.seed = seed
        self.micro_batches = micro_batches
        self.tick = tick
        self.rungs = frozenset(rungs)
        self.epoch = 0

    def events(self, state: dict[str, Any] | None = None) -> Iterator[Epoch]:
        """Trains from a state's epoch, or from where it stands, and yields each epoch's figures."""
        if state is not None:
            self.restore(state)
        while self.epoch < self.recipe.epochs:
            yield self._run(self.epoch + 1)

    def restore(self, state: dict[str, Any]) -> None:
        """Puts a state in place of this beginning.

        Raises whatever comes of a state that is not one; then this procedure is of no more use.
        """
        epoch = state["epoch"]
        if type(epoch) is not int or not 0 <= epoch <= self.recipe.epochs:
            raise ValueError(f"{epoch!r} is no epoch of {self.recipe.epochs}")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch = epoch
        self.last_score = None

    def state_dict(self) -> dict[str, Any]:
        """All that `restore` needs to go on after the last yielded epoch."""
        return {
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    @abstractmethod
    def _run(self, epoch: int) -> Epoch:
        """Trains one epoch, sets `self.epoch` and gives its figures."""

    def _validate(
        self, epoch: int, reestimate: Callable[[], None], score: Callable[[], Score]
    ) -> Score:
        """The validation score after an epoch, of BatchNorm that `reestimate` has set right where
        it decides something: after the last epoch and those of `rungs`. After the others the
        running averages do for a curve, unless they give what is not finite."""
        if epoch < self.recipe.epochs and epoch not in self.rungs:
            try:
                return score()
            except NonFiniteLossError:
                pass  # of the averages perhaps, and not of the model
        reestimate()
        return score()

    @property
    def evaluation_batch(self) -> int:
        """Images a forward pass takes where no gradient is kept: twice a training piece."""
        return max(2, 2 * self.recipe.batch_size // self.micro_batches)
