"""The contract of a training procedure, and the loop of steps that all of them share."""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.compute import Compute, peak_memory
from nas.data.batches import Data, Split
from nas.faults import NonFiniteLossError
from nas.moe import RoutedOutput, RoutingMeter, RoutingTotals, as_routed
from nas.schema import (
    Axis,
    Epoch,
    ProblemError,
    Recipe,
    Scalar,
    TrainingEvent,
    did_you_mean,
)
from nas.train.batchnorm import reestimate
from nas.train.epoch_metrics import epoch_metrics
from nas.train.freeze import train_only
from nas.train.knobs import Knobs
from nas.train.mixed_batch import Mixed, mix
from nas.train.objective import BALANCE, AuxiliaryLosses
from nas.train.optimizer import EXPERTS, GATE, build_optimizer, clip, factors, rate, set_rates
from nas.train.scoring import Score, evaluation_batch, score
from nas.train.seeding import seed_everything
from nas.working_time import awake

Tick = Callable[[], None]
"""Called after every step and every evaluated batch; raises to stop, as on a time limit."""


@dataclass(frozen=True, slots=True)
class Pass:
    """Means over the images of one epoch of training, as they were trained on."""

    loss: float
    """The whole objective."""
    acc: float
    losses: Mapping[str, float]
    """The auxiliary losses, unweighted; of a plain model none."""
    routing: Mapping[str, RoutingTotals]
    """By layer that routes."""


@dataclass(frozen=True, slots=True)
class Phase:
    """Epochs in which the same parts of a model train, with one optimizer of their own and one
    course of the learning rates."""

    name: str
    epochs: int
    parts: tuple[nn.Module, ...]
    """What trains; all else is frozen (`nas.train.freeze`)."""
    guarded: bool = True
    """False, for a control: what is frozen has no gradients, but is in training mode."""


class Procedure:
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

    augments = True
    """Whether images are augmented and mixed as the recipe says, or trained on unchanged."""
    mixes = True
    """Whether images that are augmented are also mixed."""
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

    @property
    def part(self) -> nn.Module:
        """What of the model trains, in the phases that there are by default: the whole of it, or
        one of its modules that takes images `(B, channels, H, W)`. In any case what images are
        passed through to re-estimate BatchNorm."""
        return self.model

    @property
    def split(self) -> Split:
        """The images it learns from, in the present phase."""
        return self.data.train

    def phases(self) -> Sequence[Phase]:
        """What trains in which epochs, the recipe's in all."""
        return [Phase("", self.recipe.epochs, (self.part,))]

    def prepare(self) -> None:
        """Called before all else: gives the model what it needs to be trained. Raises BuildError
        for one that it cannot train, or settings that do not fit it."""

    def rebuild(self, state: Mapping[str, Any]) -> None:
        """Gives the model the parameters that a state has, before their numbers are loaded."""

    def objective(self, out: RoutedOutput, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Logits `(B, C)`, whose hits are counted, and what a network that routes is to lower
        besides the auxiliary losses, a scalar. `targets`: label distributions `(B, C)`."""
        return out.logits, functional.cross_entropy(out.logits.float(), targets)

    def before_epoch(self, epoch: int) -> None:
        """Called before an epoch's first step, with the phase's parts thawed."""

    def after_step(self) -> None:
        """Called after each update."""

    def after_epoch(self, epoch: int, val: Score) -> None:
        """Called after an epoch's validation, before the epoch is yielded. Whoever changes the
        model here leaves it in evaluation mode."""

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

    @property
    def evaluation_batch(self) -> int:
        """See `nas.train.scoring.evaluation_batch`."""
        return evaluation_batch(self.recipe, self.micro_batches)

    # An epoch

    def _run(self, epoch: int) -> Epoch:
        start = awake()
        seed = seed_everything(self.seed, epoch)
        self._enter(epoch)
        self.before_epoch(epoch)
        train = self._train(epoch, seed)
        trained = awake()
        val = self._validate(epoch, seed)
        clean = self._score_training() if epoch == self.recipe.epochs else None
        self.epoch, self.last_score = epoch, val
        figures = self._figures(epoch, train, val, clean, trained - start, awake() - start)
        self.after_epoch(epoch, val)
        return figures

    def _enter(self, epoch: int) -> None:
        """Freezes what does not train in an epoch, and begins its phase's optimizer."""
        index, _, phase = self._phase_of(epoch)
        if index != self._phase:
            self._phase = index
            self.model.zero_grad()
            train_only(self.model, phase.parts, guarded=phase.guarded)
            self.optimizer = build_optimizer(self.model, self.recipe)

    def _phase_of(self, epoch: int) -> tuple[int, int, Phase]:
        """The number of an epoch's phase, the phase's first epoch, and the phase."""
        first = 1
        for index, phase in enumerate(self.phases()):
            if epoch < first + phase.epochs:
                return index, first, phase
            first += phase.epochs
        raise ValueError(f"there is no phase for epoch {epoch}")

    def _figures(
        self, epoch: int, train: Pass, val: Score, clean: Score | None, trained: float, took: float
    ) -> Epoch:
        return Epoch(
            epoch=epoch,
            train_loss=train.loss,
            balance_loss=train.losses.get(BALANCE),
            train_acc=train.acc,
            val_loss=val.loss,
            val_acc=val.acc,
            lr=rate(self.optimizer, EXPERTS) or 0.0,
            gate_lr=rate(self.optimizer, GATE),
            temperature=self._temperature(),
            gate_entropy=val.gate_entropy,
            metrics=epoch_metrics(train.losses, train.routing, val.routing, clean),
            usage=val.usage,
            images_per_second=len(self.split) / trained,
            seconds=took,
            peak_memory_bytes=peak_memory(self.device),
        )

    def _train(self, epoch: int, seed: int) -> Pass:
        """One pass over the training images."""
        _, first, phase = self._phase_of(epoch)
        self.model.train()  # but for frozen parts
        steps = self.split.steps(self.recipe.batch_size)
        sums = torch.zeros(2 + len(self._loss_names), dtype=torch.float64, device=self.device)
        meter = RoutingMeter()
        for i, batch in enumerate(self._batches(seed)):
            in_phase = (epoch - first) * steps + i
            set_rates(self.optimizer, factors(in_phase, phase.epochs * steps, self.recipe))
            share = ((epoch - 1) * steps + i) / (self.recipe.epochs * steps)
            self._knobs.at(share)
            sums += self._step(batch, share, meter) * len(batch.images)
            self._steps += 1
            self.after_step()
            if i % self._check_every == 0 or i == steps - 1:
                _check(sums, epoch)
            self.tick()
        loss, hits, *losses = (sums / len(self.split)).tolist()
        each = dict(zip(self._loss_names, losses, strict=True))
        return Pass(loss, hits, each, meter.totals())

    def _batches(self, seed: int) -> Iterator[Mixed]:
        """An epoch's batches on the device, in an order that the seed decides."""
        recipe, rng = self.recipe, np.random.default_rng(seed)
        mixes = self.augments and self.mixes
        for x, labels in self.split.batches(
            recipe.batch_size,
            generator=torch.Generator().manual_seed(seed),
            augment=recipe.augment if self.augments else "none",
        ):
            yield mix(
                self.compute.images(x),
                labels,
                num_classes=self.data.num_classes,
                alpha=recipe.mixup_alpha if mixes else 0.0,
                cutmix=recipe.cutmix if mixes else 0.0,
                smoothing=recipe.label_smoothing,
                rng=rng,
            )

    def _pieces(self, size: int) -> int:
        """How many pieces a batch of so many images is split into."""
        return max(1, min(self.micro_batches, size // 2))

    def _step(self, batch: Mixed, share: float, meter: RoutingMeter) -> Tensor:
        """One update at a share of training. The batch's mean objective, hits and auxiliary losses,
        float64 `(2 + losses,)`."""
        size = len(batch.images)
        pieces = self._pieces(size)
        self.optimizer.zero_grad(set_to_none=True)
        figures = torch.zeros(1 + len(self._loss_names), dtype=torch.float64, device=self.device)
        predictions = []
        for x, targets in zip(
            batch.images.tensor_split(pieces), batch.targets.tensor_split(pieces), strict=True
        ):
            part = len(x) / size
            logits, loss, each = self._forward(x, targets, share, meter)
            (part * loss).backward()  # type: ignore[no-untyped-call]
            figures += part * torch.cat([loss.detach().view(1), each])
            predictions.append(logits.detach().argmax(dim=1))
        norm = clip(self.optimizer, self.recipe)
        self.optimizer.step()
        # A gradient that is not finite shows in the loss.
        loss, hits = figures[0] + norm * 0, batch.hits(torch.cat(predictions)) / size
        return torch.cat([torch.stack([loss, hits]), figures[1:]])

    def _forward(
        self, x: Tensor, targets: Tensor, share: float, meter: RoutingMeter
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Logits `(B, C)`, the loss, and each auxiliary loss unweighted `(losses,)`, none for a
        plain model."""
        if self.routed is None:
            with self.compute.autocast():
                logits = self.model(x)
            loss = functional.cross_entropy(logits.float(), targets)
            return logits, loss, x.new_zeros(0)
        with self.compute.autocast():
            out = self.routed(x)
        meter.add(out.layers)
        logits, loss = self.objective(out, targets)
        auxiliary, each = self._losses(out.layers, share)
        return logits, loss + auxiliary, each

    def _temperature(self) -> float | None:
        temperature = self.routed.temperature if self.routed else None
        return None if temperature is None else float(temperature.detach())

    # Its validation

    def _validate(self, epoch: int, seed: int) -> Score:
        """The validation score. BatchNorm is re-estimated first where the score decides something,
        after the last epoch of a phase and those of `rungs`. After the others the running averages
        are good enough for a curve, unless they give a loss that is not finite."""
        _, first, phase = self._phase_of(epoch)
        if epoch < first + phase.epochs - 1 and epoch not in self.rungs:
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
        return self._scored(self.data.val)

    def _score_training(self) -> Score | None:
        """On the images that were trained on, unaugmented, if the recipe asks for it."""
        return self._scored(self.split) if self.recipe.score_training else None

    def _scored(self, split: Split) -> Score:
        return score(
            self.model,
            split,
            self.evaluation_batch,
            compute=self.compute,
            tick=self.tick,
        )


def _check(sums: Tensor, epoch: int) -> None:
    if not bool(torch.isfinite(sums).all()):
        raise NonFiniteLossError(
            f"the training loss or its gradient is not finite in epoch {epoch}"
        )
