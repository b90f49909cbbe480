"""Groups of parameters, their optimizer, and their learning rates over a training."""

from collections.abc import Iterable, Mapping
from math import cos, inf, pi
from types import MappingProxyType
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import SGD, AdamW, Optimizer

from nas.moe import as_routed
from nas.schema import Recipe
from nas.schema.ramp import value_at

EXPERTS, GATE = "experts", "gate"
"""The parts that have their own rates: what decides, and all the rest of a network."""


def build_optimizer(
    model: nn.Module, recipe: Recipe, scales: Mapping[int, float] = MappingProxyType({})
) -> Optimizer:
    """AdamW (arXiv 1711.05101) or SGD over experts and gate, each with its own rate and decay.

    Parameters of one dimension or none, so biases, norms and the gate's temperature, are never
    decayed. A model without a gate has the experts' groups alone. Each group carries its
    `part` and its `peak_lr`, which `set_rates` scales. `scales`: factors on the rates of single
    parameters, by their ids.
    """
    gate_ids = {id(parameter) for parameter in gate_parameters(model)}
    groups: dict[tuple[str, float, float], dict[str, Any]] = {}
    for parameter in model.parameters():
        if not parameter.requires_grad:
            continue
        if id(parameter) in gate_ids:
            part, lr = GATE, recipe.lr * recipe.gate_lr_multiplier
            decay = recipe.gate_weight_decay
        else:
            part, lr, decay = EXPERTS, recipe.lr, recipe.weight_decay
        decay = decay if parameter.ndim > 1 else 0.0
        scale = scales.get(id(parameter), 1.0)
        lr *= scale
        empty = {"params": [], "lr": lr, "peak_lr": lr, "weight_decay": decay, "part": part}
        groups.setdefault((part, decay, scale), empty)["params"].append(parameter)
    # One kernel for all tensors; the default loop costs a small model more than its backward.
    if recipe.optimizer == "sgd":
        return SGD(groups.values(), lr=recipe.lr, momentum=recipe.momentum, fused=True)
    return AdamW(groups.values(), lr=recipe.lr, betas=(0.9, recipe.beta2), fused=True)


def gate_parameters(model: nn.Module) -> list[nn.Parameter]:
    """The parameters of the modules that decide; none in a plain model."""
    routed = as_routed(model)
    return [p for module in routed.gate for p in module.parameters()] if routed else []


def factors(step: int, steps: int, recipe: Recipe) -> dict[str, float]:
    """The factor on each part's learning rate at `step` of 0…steps-1: the recipe's ramps, or
    `schedule`."""
    share = step / steps
    if recipe.schedule is None:
        common = schedule(step, steps, recipe.warmup)
    else:
        common = value_at(recipe.schedule, share)
    gate = common if recipe.gate_schedule is None else value_at(recipe.gate_schedule, share)
    return {EXPERTS: common, GATE: gate}


def schedule(step: int, steps: int, warmup: float) -> float:
    """The factor on every rate at `step` of 0…steps-1.

    Linear from 0.1 to 1 over the first `warmup` share of all steps, then a cosine (arXiv
    1608.03983) that would reach 0 at `steps`. Fitted to the steps there are, so one epoch has the
    whole of it.
    """
    warm = round(warmup * steps)
    if step < warm:
        return 0.1 + 0.9 * step / warm
    return 0.5 * (1 + cos(pi * (step - warm) / (steps - warm)))


def set_rates(optimizer: Optimizer, factors: Mapping[str, float]) -> None:
    """Scales each group's learning rate to its part's factor of its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * factors[group["part"]]


def rate(optimizer: Optimizer, part: str) -> float | None:
    """The largest learning rate in a part; None if the model has no such part."""
    rates = [float(group["lr"]) for group in optimizer.param_groups if group["part"] == part]
    return max(rates, default=None)


def clip(optimizer: Optimizer, recipe: Recipe) -> Tensor:
    """Clips the gradients of all that trains together, or of the gate by itself where the recipe
    has a norm for it. A scalar that is finite exactly if every gradient was."""
    by_part: dict[str, list[nn.Parameter]] = {EXPERTS: [], GATE: []}
    for group in optimizer.param_groups:
        by_part[group["part"]] += group["params"]
    most = inf if recipe.clip_norm is None else recipe.clip_norm  # the norm is computed anyway
    if recipe.gate_clip_norm is None:
        return nn.utils.clip_grad_norm_([p for part in by_part.values() for p in part], most)
    rest = nn.utils.clip_grad_norm_(by_part[EXPERTS], most)
    return rest + nn.utils.clip_grad_norm_(by_part[GATE], recipe.gate_clip_norm)


def replace_parameters(
    optimizer: Optimizer,
    pairs: Iterable[tuple[nn.Parameter, nn.Parameter]],
    source: int | None,
) -> None:
    """Puts parameters that got rows at their end into the places of the old ones `(old, new)`.

    Their moments get as many: a copy of those of the rows' multiple number `source`, or zeros.
    """
    for old, new in pairs:
        added = len(new) - len(old)
        for group in optimizer.param_groups:
            group["params"] = [new if known is old else known for known in group["params"]]
        state = optimizer.state.pop(old, None)
        if state is not None:
            optimizer.state[new] = {
                name: _longer(value, added, source)
                if isinstance(value, Tensor) and value.shape == old.shape
                else value
                for name, value in state.items()
            }


def _longer(moment: Tensor, added: int, source: int | None) -> Tensor:
    rows = moment[:added] * 0 if source is None else moment[source * added : (source + 1) * added]
    return torch.cat([moment, rows])
