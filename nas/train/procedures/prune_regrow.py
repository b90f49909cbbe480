"""Cycles of pruning, training under the mask, regrowing and training all weights."""

from collections.abc import Iterator, Mapping
from itertools import accumulate, pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from nas.faults import BuildError
from nas.schema import Axis
from nas.train.procedures.base import Procedure
from nas.train.scoring import Score


class PruneRegrow(Procedure):
    """Prunes the smallest weights to zero, trains what is left, lets them grow back from zero and
    trains all, in cycles; dense training first. The cycles of BorisovAI's "Routing Experts on
    CIFAR-100": three, to 80 % sparsity, each 20 epochs under the mask and 40 after regrowth.

    Weights are those of the matrices and convolutions that train, all together: the share
    `sparsity` of them that are smallest in absolute value. Biases, norms and buffers stay. Under
    the mask a pruned weight is exactly zero after every step, whatever decay and momentum do; a
    mask of gradients alone would not keep it so. When weights grow back, no output changes, as they
    start from zero, and their moments in the optimizer are cleared.

    The share `dense` of the epochs comes before the first cycle; of each cycle the share `masked`
    is trained under the mask. Events: `pruned`, `regrown`, and at the end of a cycle `cycle`, with
    its validation accuracy.
    """

    axes = (
        Axis("sparsity", 0.8, minimum=0.0, maximum=0.999),
        Axis("cycles", 3, minimum=1, maximum=1000),
        Axis("dense", 0.25, minimum=0.0, maximum=0.9),
        Axis("masked", 1 / 3, minimum=0.05, maximum=0.95),
    )

    def prepare(self) -> None:
        least = 1 + 2 * self._cycles
        if self.recipe.epochs < least:
            raise BuildError(
                f"{self._cycles} cycles of pruning and regrowth need at least {least} epochs, and"
                f" the recipe has {self.recipe.epochs}"
            )

    @property
    def _cycles(self) -> int:
        return int(self.settings["cycles"])

    def _plan(self) -> list[tuple[int, int, int]]:
        """Of each cycle the first epoch under the mask, the first after regrowth, and the last."""
        epochs = self.recipe.epochs
        dense = round(epochs * float(self.settings["dense"]))
        dense = min(max(1, dense), epochs - 2 * self._cycles)
        longer = (epochs - dense) % self._cycles
        lengths = [(epochs - dense) // self._cycles + (n < longer) for n in range(self._cycles)]
        ends = list(accumulate(lengths, initial=dense))
        plan = []
        for before, end in pairwise(ends):
            masked = round((end - before) * float(self.settings["masked"]))
            masked = min(max(1, masked), end - before - 1)
            plan.append((before + 1, before + masked + 1, end))
        return plan

    def before_epoch(self, epoch: int) -> None:
        for cycle, (prune, regrow, _) in enumerate(self._plan(), start=1):
            if epoch == prune:
                self._prune(cycle)
            elif epoch == regrow:
                self._regrow(cycle)

    def after_epoch(self, epoch: int, val: Score) -> None:
        for cycle, (_, _, end) in enumerate(self._plan(), start=1):
            if epoch == end:
                self.record("cycle", f"cycle {cycle} ended", cycle=cycle, val_acc=val.acc)

    def _prune(self, cycle: int) -> None:
        weights = [
            (module, name, parameter)
            for module in self.model.modules()
            for name, parameter in module.named_parameters(recurse=False)
            if parameter.requires_grad and parameter.ndim > 1
        ]
        sizes = torch.cat([parameter.detach().abs().flatten() for *_, parameter in weights])
        pruned = round(float(self.settings["sparsity"]) * len(sizes))
        kept = torch.ones_like(sizes)
        kept[sizes.argsort(stable=True)[:pruned]] = 0
        masks = torch.split(kept, [parameter.numel() for *_, parameter in weights])
        for (module, name, parameter), mask in zip(weights, masks, strict=True):
            _mask(module, name, mask.view_as(parameter))
        self.record(
            "pruned",
            f"cycle {cycle} began",
            cycle=cycle,
            weights=len(sizes),
            pruned=pruned,
        )

    def _regrow(self, cycle: int) -> None:
        regrown = 0
        for module, name, mask in list(masks(self.model)):
            parameter = module.parametrizations[name].original
            parametrize.remove_parametrizations(module, name)
            regrown += int((mask == 0).sum())
            for value in self.optimizer.state.get(parameter, {}).values():
                if isinstance(value, Tensor) and value.shape == mask.shape:
                    value.mul_(mask)
        self.record(
            "regrown", f"cycle {cycle} was trained under its mask", cycle=cycle, regrown=regrown
        )

    def rebuild(self, state: Mapping[str, Any]) -> None:
        """Masks what was masked. The optimizer comes first: it has the parameters in the order of
        the network without masks."""
        self._enter(max(1, state["epoch"]))
        for key, mask in state["model"].items():
            owner, found, rest = key.partition("parametrizations.")
            if found and rest.endswith(".0.mask"):
                module = self.model.get_submodule(owner.rstrip("."))
                name = rest.removesuffix(".0.mask")
                _mask(module, name, mask.to(self.device))


class _Mask(nn.Module):
    """A weight, zero where its mask is."""

    mask: Tensor

    def __init__(self, mask: Tensor) -> None:
        super().__init__()
        self.register_buffer("mask", mask)

    def forward(self, weight: Tensor) -> Tensor:
        return weight * self.mask


def _mask(module: nn.Module, name: str, mask: Tensor) -> None:
    parametrize.register_parametrization(module, name, _Mask(mask))


def masks(model: nn.Module) -> Iterator[tuple[Any, str, Tensor]]:
    """Each masked weight: its module, its name there, and its mask, 0 where it is pruned."""
    for module in model.modules():
        if parametrize.is_parametrized(module):
            for name, each in module.parametrizations.items():  # type: ignore[union-attr, operator]
                if isinstance(each[0], _Mask):
                    yield module, name, each[0].mask
