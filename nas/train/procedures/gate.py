"""The gate alone, over experts that stay as they are."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from nas.compute import peak_memory
from nas.data.batches import Data, Split, batch_indices
from nas.faults import BuildError, NonFiniteLossError
from nas.schema import Epoch, Recipe
from nas.train.auxiliary import AuxiliaryLosses
from nas.train.batchnorm import reestimate
from nas.train.mixture import as_mixture
from nas.train.optimizer import build_optimizer, rate, schedule, set_rates
from nas.train.procedures.base import Procedure, Tick
from nas.train.scoring import Score, score
from nas.train.seeding import seed_everything
from nas.working_time import awake


class GateTraining(Procedure):
    """Trains a mixture's gate on what its frozen experts say.

    Experts do not run in training: they are asked once about every image, or what a bank kept of
    their answers is given, so an epoch costs the gate alone, and their BatchNorm stays as it is bit
    for bit. The gate learns on images that the experts have not seen where the task holds any out,
    else on their own training images; without augmentation, for an answer belongs to one picture.
    The objective is the joint one: cross-entropy against smoothed labels and the
    recipe's auxiliary losses. A batch is never split: the gate alone keeps a gradient.

    `answers`: what the experts say, by split `held` and `val`, float32 `(N, E, C)`.
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
        answers: Mapping[str, Tensor] | None = None,
    ) -> None:
        """Raises BuildError for a model without a gate."""
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
        mixture = as_mixture(self.model)
        if mixture is None:
            raise BuildError("a model without a gate has nothing to train over frozen experts")
        self._mixture = mixture
        for parameter in self.model.parameters():
            parameter.requires_grad_(False)
        for parameter in mixture.gate.parameters():
            parameter.requires_grad_(True)
        self._losses = AuxiliaryLosses(recipe)
        self.optimizer = build_optimizer(self.model, recipe)
        self._fit: Split = data.held if data.held is not None else data.train
        self._answers = answers

    def _run(self, epoch: int) -> Epoch:
        start = awake()
        answers = self._expert_logits()
        seed = seed_everything(self.seed, epoch)
        loss, balance, hits = self._train(epoch, seed, answers["held"])
        trained = awake()
        val = self._validate(
            epoch, lambda: self._reestimate(seed), lambda: self._score(answers["val"])
        )
        self.epoch = epoch  # and no `last_score`: a bank's answers may be another device's
        images = len(self._fit)
        temperature = getattr(self._mixture.gate, "temperature", None)
        return Epoch(
            epoch=epoch,
            train_loss=loss / images,
            balance_loss=balance / images,
            train_acc=hits / images,
            val_loss=val.loss,
            val_acc=val.acc,
            lr=0.0,
            gate_lr=rate(self.optimizer, "gate"),
            temperature=None if temperature is None else float(temperature.detach()),
            gate_entropy=val.gate_entropy,
            metrics=val.metrics,
            usage=val.usage,
            images_per_second=images / (trained - start),
            seconds=awake() - start,
            peak_memory_bytes=peak_memory(self.device),
        )

    def _train(self, epoch: int, seed: int, answers: Tensor) -> tuple[float, float, float]:
        """One pass; sums over images of the objective, the balance loss and the hits."""
        recipe, split = self.recipe, self._fit
        self.model.eval()
        self._mixture.gate.train()
        steps = split.steps(recipe.batch_size)
        # Equal seeds give equal orders: that of the batches is that of the answers.
        ordered = batch_indices(len(split), recipe.batch_size, torch.Generator().manual_seed(seed))
        batches = split.batches(recipe.batch_size, generator=torch.Generator().manual_seed(seed))
        sums = torch.zeros(3, dtype=torch.float64, device=self.device)
        with self._cached_experts(answers[torch.cat(ordered).to(answers.device)]):
            for i, (x, labels) in enumerate(batches):
                factor = schedule((epoch - 1) * steps + i, recipe.epochs * steps, recipe.warmup)
                set_rates(self.optimizer, factor)
                sums += self._step(x, labels) * len(x)
                self.tick()
        if not bool(torch.isfinite(sums).all()):
            raise NonFiniteLossError(
                f"the gate's loss or its gradient is not finite in epoch {epoch}"
            )
        loss, balance, hits = sums.tolist()
        return loss, balance, hits

    def _step(self, x: Tensor, labels: Tensor) -> Tensor:
        """One update; the batch's mean objective, balance loss and hits, float64 `(3,)`."""
        self.optimizer.zero_grad(set_to_none=True)
        with self.compute.autocast():
            out = self._mixture.mixture(self.compute.images(x))
        auxiliary, balance = self._losses(out)
        loss = functional.cross_entropy(
            out.logits.float(), labels, label_smoothing=self.recipe.label_smoothing
        )
        loss = loss + auxiliary
        loss.backward()  # type: ignore[no-untyped-call]
        gate = self._mixture.gate.parameters()
        norm = nn.utils.clip_grad_norm_(gate, self.recipe.clip_norm)
        self.optimizer.step()
        hits = (out.logits.argmax(dim=1) == labels).double().mean()
        return torch.stack([(loss.detach() + norm * 0).double(), balance.detach().double(), hits])

    def _reestimate(self, seed: int) -> None:
        reestimate(
            self._mixture.gate,
            self._fit,
            self.evaluation_batch,
            compute=self.compute,
            generator=torch.Generator().manual_seed(seed),
            tick=self.tick,
        )

    def _score(self, answers: Tensor) -> Score:
        with self._cached_experts(answers):
            return score(
                self.model,
                self.data.val,
                self.evaluation_batch,
                compute=self.compute,
                tick=self.tick,
            )

    def _expert_logits(self) -> Mapping[str, Tensor]:
        """The experts' answers on the device; asked for once if nobody gave them."""
        if self._answers is None:
            self._answers = {"held": self._ask(self._fit), "val": self._ask(self.data.val)}
        self._answers = {split: cached.to(self.device) for split, cached in self._answers.items()}
        return self._answers

    def _ask(self, split: Split) -> Tensor:
        self.model.eval()
        found = []
        with torch.no_grad():
            for x, _ in split.batches(self.evaluation_batch):
                with self.compute.autocast():
                    found.append(self._mixture.mixture(self.compute.images(x)).expert_logits)
                self.tick()
        return torch.cat(found).float()

    @contextmanager
    def _cached_experts(self, answers: Tensor) -> Iterator[None]:
        """The mixture with its experts' answers in their place, `(N, E, C)` in the order in which
        the images will come."""
        experts = self._mixture.experts
        self._mixture.experts = nn.ModuleList(map(_CachedExpert, answers.unbind(dim=1)))
        try:
            yield
        finally:
            self._mixture.experts = experts


class _CachedExpert(nn.Module):
    """Says again what an expert said, batch after batch."""

    def __init__(self, answers: Tensor) -> None:
        super().__init__()
        self._answers = answers
        self._at = 0

    def forward(self, x: Tensor) -> Tensor:
        cached = self._answers[self._at : self._at + len(x)]
        self._at += len(x)
        return cached
