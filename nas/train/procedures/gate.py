"""Trains only the gate, over frozen experts."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from nas.data.batches import Data, Split, batch_indices
from nas.faults import BuildError
from nas.schema import Epoch, Recipe
from nas.train.loop import Pass, Tick
from nas.train.mixture import Mixture, as_mixture
from nas.train.procedures.base import Procedure
from nas.train.scoring import Score


class GateTraining(Procedure):
    """Trains a mixture's gate on the logits of its frozen experts.

    Experts do not run in training: they see every image once, or their logits come from a bank. So
    an epoch costs the gate alone, and their BatchNorm stays as it is bit for bit. The gate learns
    on images that the experts have not seen, where the task holds any out, else on their own
    training images; without augmentation and mixup, as logits belong to one picture. A batch is
    never split: only the gate keeps activations for a gradient.

    `cached_logits`: the experts' logits, by split `held` and `val`, float32 `(N, E, C)`.
    """

    augments = False

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
        cached_logits: Mapping[str, Tensor] | None = None,
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
        self._cached_logits = cached_logits

    @property
    def part(self) -> nn.Module:
        """The gate."""
        return self._gated.gate

    @property
    def split(self) -> Split:
        """The images held out from the experts, or their training images."""
        return self.data.held if self.data.held is not None else self.data.train

    @property
    def _gated(self) -> Mixture:
        mixture = as_mixture(self.model)
        if mixture is None:
            raise BuildError("a model without a gate has nothing to train over frozen experts")
        return mixture

    def _run(self, epoch: int) -> Epoch:
        self.model.eval()  # the experts too, which are away while the gate trains
        self._expert_logits()  # before the epoch is seeded: a resumed run computes them anew
        figures = super()._run(epoch)
        self.last_score = None  # a bank's logits may come from another device
        return figures

    def _pieces(self, size: int) -> int:
        return 1

    def _train(self, epoch: int, seed: int) -> Pass:
        logits = self._expert_logits()["held"]
        # Equal seeds give equal orders: that of the batches is that of the logits.
        generator = torch.Generator().manual_seed(seed)
        order = torch.cat(batch_indices(len(self.split), self.recipe.batch_size, generator))
        with self._cached_experts(logits[order.to(logits.device)]):
            return super()._train(epoch, seed)

    def _score_training(self) -> Score | None:
        if not self.recipe.score_training:
            return None
        with self._cached_experts(self._expert_logits()["held"]):
            return super()._score_training()

    def _score(self) -> Score:
        with self._cached_experts(self._expert_logits()["val"]):
            return super()._score()

    def _expert_logits(self) -> Mapping[str, Tensor]:
        """The experts' logits on the device; computed once if none were given."""
        if self._cached_logits is None:
            self._cached_logits = {
                "held": self._computed(self.split),
                "val": self._computed(self.data.val),
            }
        self._cached_logits = {
            split: logits.to(self.device) for split, logits in self._cached_logits.items()
        }
        return self._cached_logits

    def _computed(self, split: Split) -> Tensor:
        self.model.eval()
        found = []
        with torch.no_grad():
            for x, _ in split.batches(self.evaluation_batch):
                with self.compute.autocast():
                    found.append(self._gated.mixture(self.compute.images(x)).expert_logits)
                self.tick()
        return torch.cat(found).float()

    @contextmanager
    def _cached_experts(self, logits: Tensor) -> Iterator[None]:
        """Replaces the mixture's experts by their logits, `(N, E, C)`, in the order in which the
        images will come."""
        experts = self._gated.experts
        self._gated.experts = nn.ModuleList(map(_CachedExpert, logits.unbind(dim=1)))
        try:
            yield
        finally:
            self._gated.experts = experts


class _CachedExpert(nn.Module):
    """Gives the next batch's logits at each call."""

    def __init__(self, logits: Tensor) -> None:
        super().__init__()
        self._logits = logits
        self._next = 0

    def forward(self, x: Tensor) -> Tensor:
        first, self._next = self._next, self._next + len(x)
        return self._logits[first : self._next]
