"""The contract of a training procedure."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer

from nas.compute import Compute
from nas.data.batches import Data
from nas.schema import Epoch, Recipe

Tick = Callable[[], None]
"""Called after every step and every evaluated batch; raises to stop, on a time limit say."""


class Procedure(ABC):
    """Trains one model, one epoch at a time. Owns its optimizer and all its randomness.

    A file in this folder holds one subclass; `tests/train` runs the contract on each:

    - `events` yields epochs numbered on from the state's, up to the recipe's, and the figures,
      parameters and buffers of a resumed run equal an uninterrupted one's bit for bit on a CPU;
    - after each yielded epoch the model is in evaluation mode and ready to be scored or saved;
    - the result depends on the model, the data, the recipe and the seed, not on what the process
      ran before;
    - a loss or gradient that is not finite raises NonFiniteLossError; what `tick` raises passes.

    A subclass has an `optimizer` and runs one epoch at a time; where its state is more than model
    and optimizer it overrides `restore` and `state_dict`. A state may be any mixture of dict, list,
    numbers, strings and tensors: `torch.load(weights_only=True)` must read it.
    """

    optimizer: Optimizer

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
    ) -> None:
        """Moves the model to the device. Each step's batch is split into `micro_batches` pieces
        of at least 2 images whose gradients add up to the whole batch's."""
        self.compute = Compute.of(recipe, device)
        self.model = self.compute.place(model)
        self.data = data
        self.recipe = recipe
        self.device = device
        self.seed = seed
        self.micro_batches = micro_batches
        self.tick = tick
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

    @property
    def evaluation_batch(self) -> int:
        """Images a forward pass takes where no gradient is kept: twice a training piece."""
        return max(2, 2 * self.recipe.batch_size // self.micro_batches)
