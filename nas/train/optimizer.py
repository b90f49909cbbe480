"""AdamW groups and the learning-rate schedule."""

from math import cos, pi
from typing import Any

from torch import nn
from torch.optim import AdamW, Optimizer

from nas.schema import Recipe
from nas.train.mixture import as_mixture


def build_optimizer(model: nn.Module, recipe: Recipe) -> AdamW:
    """AdamW (arXiv 1711.05101) over experts and gate, each with its own rate and decay.

    Parameters of one dimension or none, so biases, norms and the gate's temperature, are never
    decayed. A model without a gate has the experts' groups alone. Each group carries its
    `part` and its `peak_lr`, which `set_rates` scales.
    """
    mixture = as_mixture(model)
    gate_ids = {id(p) for p in mixture.gate.parameters()} if mixture else set()
    groups: dict[tuple[str, float], dict[str, Any]] = {}
    for parameter in model.parameters():
        if not parameter.requires_grad:
            continue
        if id(parameter) in gate_ids:
            part, lr = "gate", recipe.lr * recipe.gate_lr_multiplier
            decay = recipe.gate_weight_decay
        else:
            part, lr, decay = "experts", recipe.lr, recipe.weight_decay
        decay = decay if parameter.ndim > 1 else 0.0
        empty = {"params": [], "lr": lr, "peak_lr": lr, "weight_decay": decay, "part": part}
        groups.setdefault((part, decay), empty)["params"].append(parameter)
    # One kernel for all tensors; the default loop costs a small model more than its backward.
    return AdamW(groups.values(), lr=recipe.lr, fused=True)


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


def set_rates(optimizer: Optimizer, factor: float) -> None:
    """Scales every group's learning rate to `factor` of its peak."""
    for group in optimizer.param_groups:
        group["lr"] = group["peak_lr"] * factor


def rate(optimizer: Optimizer, part: str) -> float | None:
    """The learning rate of a part, `experts` or `gate`; None if the model has no such part."""
    for group in optimizer.param_groups:
        if group["part"] == part:
            return float(group["lr"])
    return None
