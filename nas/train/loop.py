"""An epoch of training: its phase, its steps, and its validation."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer

from nas.compute import Compute, peak_memory
from nas.data.batches import Data, Split
from nas.faults import NonFiniteLossError
from nas.moe import RoutedModel, RoutedOutput, RoutingMeter, RoutingTotals
from nas.schema import (
    Epoch,
    Recipe,
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


class EpochLoop:
    """What all procedures share: the steps of an epoch, and the validation after it.

    A procedure has the attributes, and may change what comes before `An epoch`.
    """

    model: nn.Module
    routed: RoutedModel | None
    data: Data
    recipe: Recipe
    device: torch.device
    compute: Compute
    seed: int
    micro_batches: int
    tick: Tick
    rungs: frozenset[int]
    epoch: int
    """The last one that is done."""
    optimizer: Optimizer
    _phase: int
    _losses: AuxiliaryLosses
    _loss_names: tuple[str, ...]
    _knobs: Knobs
    _steps: int
    _check_every: int

    augments = True
    """Whether images are augmented and mixed as the recipe says, or trained on unchanged."""
    mixes = True
    """Whether images that are augmented are also mixed."""
    last_score: Score | None = None
    """Of the model as it is now on the validation images; None if it was not scored."""

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

    def rate_scales(self) -> Mapping[int, float]:
        """Factors on the learning rate of single parameters, by id; 1 where none is given."""
        return {}

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

    # An epoch

    @property
    def evaluation_batch(self) -> int:
        """See `nas.train.scoring.evaluation_batch`."""
        return evaluation_batch(self.recipe, self.micro_batches)

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
            self.optimizer = build_optimizer(self.model, self.recipe, self.rate_scales())

    def _phase_of(self, epoch: int) -> tuple[int, int, Phase]:
        """The number of an epoch's phase, the phase's first epoch, and the phase."""
        first = 1
        for index, phase in enumerate(self.phases()):
            if epoch < first + phase.epochs:
                return index, first, phase
            first += phase.epochs
        raise ValueError(f"there is no phase for epoch {epoch}")

    def ended(self, epoch: int) -> str | None:
        """The name of the phase whose last epoch this is; None within a phase."""
        _, first, phase = self._phase_of(epoch)
        return phase.name if epoch == first + phase.epochs - 1 else None

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
        if self.ended(epoch) is None and epoch not in self.rungs:
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
