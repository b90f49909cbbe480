"""The contract of a training procedure, and the loop of steps that all of them share."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.compute import Compute, peak_memory
from nas.data.batches import Data, Split
from nas.faults import NonFiniteLossError
from nas.schema import Epoch, Recipe
from nas.train.auxiliary import AuxiliaryLosses
from nas.train.batchnorm import reestimate
from nas.train.mixture import as_mixture
from nas.train.mixup import Mixed, mix
from nas.train.optimizer import build_optimizer, rate, schedule, set_rates
from nas.train.scoring import Score, score
from nas.train.seeding import seed_everything
from nas.working_time import awake

Tick = Callable[[], None]
"""Called after every step and every evaluated batch; raises to stop, as on a time limit."""


class Procedure(ABC):
    """Trains a model, one epoch at a time. Owns its optimizer and all its randomness.

    A file in this folder holds one subclass; `tests/train` runs the contract on each:

    - `events` yields epochs numbered on from the state's, up to the recipe's, and the figures,
      parameters and buffers of a resumed run equal an uninterrupted one's bit for bit on a CPU;
    - after each yielded epoch the model is in evaluation mode and ready to be saved; after the
      last, and those of `rungs`, its BatchNorm is re-estimated, so that it is ready to be scored;
    - the result depends on the model, the data, the recipe and the seed, not on what the process
      ran before;
    - a loss or gradient that is not finite raises NonFiniteLossError; what `tick` raises passes.

    A subclass says what trains (`part`) and on which images (`split`), and may change a step. Where
    its state is more than model and optimizer it overrides `restore` and `state_dict`. A state may
    be any mixture of dict, list, numbers, strings and tensors: `torch.load(weights_only=True)` must
    read it.

    The objective is cross-entropy against smoothed labels, mixed where images are, plus a mixture's
    auxiliary losses: its load-balancing loss times the recipe's `balance_weight`, and those that
    the recipe's `losses` name.
    """

    augments = True
    """Whether images are augmented and mixed as the recipe says, or trained on unchanged."""
    last_score: Score | None = None
    """Of the model as it is now on the validation images; None if it was not scored."""

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
        """Moves the model to the device, and freezes what does not train.

        `micro_batches`: pieces of at least 2 images that a batch is split into; their gradients add
        up to the whole batch's, BatchNorm and the auxiliary losses see the pieces. `rungs`: the
        epochs before the last whose validation decides whether training goes on.
        """
        self.compute = Compute.of(recipe, device)
        self.model = self.compute.place(model)
        self.mixture = as_mixture(self.model)
        self.data = data
        self.recipe = recipe
        self.device = device
        self.seed = seed
        self.micro_batches = micro_batches
        self.tick = tick
        self.rungs = frozenset(rungs)
        self.epoch = 0
        trains = {id(parameter) for parameter in self.part.parameters()}
        for parameter in self.model.parameters():
            if id(parameter) not in trains:
                parameter.requires_grad_(False)
        self.optimizer = build_optimizer(self.model, recipe)
        self._losses = AuxiliaryLosses(recipe)
        # Reading the loss back waits for the device, so on CUDA that is done now and then.
        self._check_every = 25 if device.type == "cuda" else 1

    # For a subclass

    @property
    @abstractmethod
    def part(self) -> nn.Module:
        """What of the model trains: the whole of it, or one of its modules that takes images
        `(B, channels, H, W)`, since BatchNorm is re-estimated by passing images through it."""

    @property
    @abstractmethod
    def split(self) -> Split:
        """The images it learns from."""

    # For the worker

    def events(self, state: dict[str, Any] | None = None) -> Iterator[Epoch]:
        """Trains from a state's epoch, or the present one, and yields each epoch's results."""
        if state is not None:
            self.restore(state)
        while self.epoch < self.recipe.epochs:
            yield self._run(self.epoch + 1)

    def restore(self, state: dict[str, Any]) -> None:
        """Replaces the current state, before the first epoch.

        Raises any exception for a damaged state; the procedure cannot be used after that.
        """
        epoch = state["epoch"]
        if type(epoch) is not int or not 0 <= epoch <= self.recipe.epochs:
            raise ValueError(f"{epoch!r} is no epoch of {self.recipe.epochs}")
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.epoch = epoch
        self.last_score = None

    def state_dict(self) -> dict[str, Any]:
        """All that `restore` needs to continue after the last yielded epoch."""
        return {
            "epoch": self.epoch,
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
        }

    @property
    def evaluation_batch(self) -> int:
        """Images of a forward pass that keeps no gradient: twice those of a training piece."""
        return max(2, 2 * self.recipe.batch_size // self.micro_batches)

    # An epoch

    def _run(self, epoch: int) -> Epoch:
        start = awake()
        seed = seed_everything(self.seed, epoch)
        loss, balance, hits = self._train(epoch, seed)
        trained = awake()
        val = self._validate(epoch, seed)
        self.epoch, self.last_score = epoch, val
        images = len(self.split)
        return Epoch(
            epoch=epoch,
            train_loss=loss / images,
            balance_loss=balance / images if self.mixture else None,
            train_acc=hits / images,
            val_loss=val.loss,
            val_acc=val.acc,
            lr=rate(self.optimizer, "experts") or 0.0,
            gate_lr=rate(self.optimizer, "gate"),
            temperature=self._temperature(),
            gate_entropy=val.gate_entropy,
            metrics=val.metrics,
            usage=val.usage,
            images_per_second=images / (trained - start),
            seconds=awake() - start,
            peak_memory_bytes=peak_memory(self.device),
        )

    def _train(self, epoch: int, seed: int) -> tuple[float, float, float]:
        """One pass; sums over images of the objective, the balance loss and the hits."""
        self.model.eval()
        self.part.train()
        steps = self.split.steps(self.recipe.batch_size)
        sums = torch.zeros(3, dtype=torch.float64, device=self.device)
        for i, batch in enumerate(self._batches(seed)):
            done, total = (epoch - 1) * steps + i, self.recipe.epochs * steps
            set_rates(self.optimizer, schedule(done, total, self.recipe.warmup))
            sums += self._step(batch) * len(batch.images)
            if i % self._check_every == 0 or i == steps - 1:
                _check(sums, epoch)
            self.tick()
        loss, balance, hits = sums.tolist()
        return loss, balance, hits

    def _batches(self, seed: int) -> Iterator[Mixed]:
        """An epoch's batches on the device, in an order that the seed decides."""
        recipe, rng = self.recipe, np.random.default_rng(seed)
        for x, labels in self.split.batches(
            recipe.batch_size,
            generator=torch.Generator().manual_seed(seed),
            augment=recipe.augment if self.augments else "none",
        ):
            yield mix(
                self.compute.images(x),
                labels,
                num_classes=self.data.num_classes,
                alpha=recipe.mixup_alpha if self.augments else 0.0,
                smoothing=recipe.label_smoothing,
                rng=rng,
            )

    def _pieces(self, size: int) -> int:
        """How many pieces a batch of so many images is split into."""
        return max(1, min(self.micro_batches, size // 2))

    def _step(self, batch: Mixed) -> Tensor:
        """One update; the batch's mean objective, balance loss and hits as a float64 `(3,)`."""
        size = len(batch.images)
        pieces = self._pieces(size)
        self.optimizer.zero_grad(set_to_none=True)
        figures = torch.zeros(3, dtype=torch.float64, device=self.device)
        predictions = []
        for x, targets in zip(
            batch.images.tensor_split(pieces), batch.targets.tensor_split(pieces), strict=True
        ):
            share = len(x) / size
            logits, auxiliary, balance = self._forward(x)
            loss = functional.cross_entropy(logits.float(), targets)
            loss = loss + auxiliary
            (share * loss).backward()  # type: ignore[no-untyped-call]
            figures[0] += share * loss.detach()
            figures[1] += share * balance.detach()
            predictions.append(logits.detach().argmax(dim=1))
        norm = nn.utils.clip_grad_norm_(self.part.parameters(), self.recipe.clip_norm)
        self.optimizer.step()
        figures[0] += norm * 0  # a gradient that is not finite shows in the loss
        figures[2] = batch.hits(torch.cat(predictions)) / size
        return figures

    def _forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits `(B, C)`, the weighted auxiliary losses and the balance loss; 0 for a plain
        model."""
        with self.compute.autocast():
            if self.mixture is None:
                none = x.new_zeros(())
                return self.model(x), none, none
            out = self.mixture.mixture(x)
        return out.logits, *self._losses(out)

    def _temperature(self) -> float | None:
        temperature = getattr(self.mixture.gate, "temperature", None) if self.mixture else None
        return None if temperature is None else float(temperature.detach())

    # Its validation

    def _validate(self, epoch: int, seed: int) -> Score:
        """The validation score. BatchNorm is re-estimated first where the score decides something,
        after the last epoch and those of `rungs`. After the others the running averages are good
        enough for a curve, unless they give a loss that is not finite."""
        if epoch < self.recipe.epochs and epoch not in self.rungs:
            try:
                return self._score()
            except NonFiniteLossError:
                pass  # perhaps the averages' fault, not the model's
        reestimate(
            self.part,
            self.split,
            self.evaluation_batch,
            compute=self.compute,
            generator=torch.Generator().manual_seed(seed),
            tick=self.tick,
        )
        return self._score()

    def _score(self) -> Score:
        return score(
            self.model,
            self.data.val,
            self.evaluation_batch,
            compute=self.compute,
            tick=self.tick,
        )


def _check(sums: Tensor, epoch: int) -> None:
    if not bool(torch.isfinite(sums).all()):
        raise NonFiniteLossError(
            f"the training loss or its gradient is not finite in epoch {epoch}"
        )
