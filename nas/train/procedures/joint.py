"""All experts and the gate together, from the first step."""

from collections.abc import Collection

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.compute import peak_memory
from nas.data.batches import Data
from nas.faults import NonFiniteLossError
from nas.schema import Epoch, Recipe
from nas.train.auxiliary import AuxiliaryLosses
from nas.train.batchnorm import reestimate
from nas.train.mixture import as_mixture
from nas.train.mixup import Mixed, mix
from nas.train.optimizer import build_optimizer, rate, schedule, set_rates
from nas.train.procedures.base import Procedure, Tick
from nas.train.scoring import Score, score
from nas.train.seeding import seed_everything
from nas.working_time import awake


class JointTraining(Procedure):
    """The published MoE4 recipe without its mistakes; trains a plain model as well.

    Objective: cross-entropy against smoothed, mixed targets, plus a mixture's auxiliary losses: its
    load-balancing loss times `balance_weight`, and those that the recipe's `losses` name. With
    micro-batches the auxiliary losses and BatchNorm see the pieces, the gradient is still the whole
    batch's. The training accuracy is that of the mixed, augmented images as they were trained on,
    so it lies below the validation accuracy early on.
    """

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
        super().__init__(
            model,
            data,
            recipe,
            device=device,
            seed=seed,
            micro_batches=micro_batches,
            tick=tick,
            rungs=rungs,
        )
        self._mixture = as_mixture(self.model)
        self._losses = AuxiliaryLosses(recipe)
        self.optimizer = build_optimizer(self.model, recipe)
        # Reading the loss back waits for the device, so on CUDA it is looked at now and then.
        self._check_every = 25 if device.type == "cuda" else 1

    def _run(self, epoch: int) -> Epoch:
        start = awake()
        seed = seed_everything(self.seed, epoch)
        loss, balance, hits = self._train(epoch, seed)
        trained = awake()
        val = self._validate(epoch, lambda: self._reestimate(seed), self._score)
        self.epoch, self.last_score = epoch, val
        images = len(self.data.train)
        return Epoch(
            epoch=epoch,
            train_loss=loss / images,
            balance_loss=balance / images if self._mixture else None,
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
        self.model.train()
        recipe, train = self.recipe, self.data.train
        generator = torch.Generator().manual_seed(seed)
        rng = np.random.default_rng(seed)
        steps = train.steps(recipe.batch_size)
        sums = torch.zeros(3, dtype=torch.float64, device=self.device)
        batches = train.batches(recipe.batch_size, generator=generator, augment=recipe.augment)
        for i, (x, labels) in enumerate(batches):
            factor = schedule((epoch - 1) * steps + i, recipe.epochs * steps, recipe.warmup)
            set_rates(self.optimizer, factor)
            batch = mix(
                self.compute.images(x),
                labels,
                num_classes=self.data.num_classes,
                alpha=recipe.mixup_alpha,
                smoothing=recipe.label_smoothing,
                rng=rng,
            )
            figures = self._step(batch)
            sums += figures * len(x)
            if i % self._check_every == 0 or i == steps - 1:
                _check(sums, epoch)
            self.tick()
        loss, balance, hits = sums.tolist()
        return loss, balance, hits

    def _step(self, batch: Mixed) -> Tensor:
        """One update; the batch's mean objective, balance loss and hits as a float64 `(3,)`."""
        size = len(batch.images)
        pieces = max(1, min(self.micro_batches, size // 2))
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
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm)
        self.optimizer.step()
        figures[0] += norm * 0  # a gradient that is not finite shows in the loss
        figures[2] = batch.hits(torch.cat(predictions)) / size
        return figures

    def _forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Logits `(B, C)`, the weighted auxiliary losses and the balance loss; 0 for a plain
        model."""
        with self.compute.autocast():
            if self._mixture is None:
                none = x.new_zeros(())
                return self.model(x), none, none
            out = self._mixture.mixture(x)
        return out.logits, *self._losses(out)

    def _temperature(self) -> float | None:
        temperature = getattr(self._mixture.gate, "temperature", None) if self._mixture else None
        return None if temperature is None else float(temperature.detach())

    def _reestimate(self, seed: int) -> None:
        reestimate(
            self.model,
            self.data.train,
            self.evaluation_batch,
            compute=self.compute,
            generator=torch.Generator().manual_seed(seed),
            tick=self.tick,
        )

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
