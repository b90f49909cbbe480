"""Trunks: pretrained networks inside a model, on whose features the rest of it stands.

A trunk is a module named `trunk` of the model or of each of its experts, which takes images
`(B, channels, H, W)`, gives features `(B, F)` and has `width`, F, and `network`, a timm model.
"""

from collections.abc import Iterator
from typing import Any

from torch import nn

from nas.faults import BuildError


def trunk_owners(model: nn.Module) -> list[Any]:
    """The modules that have a trunk. Raises BuildError if there is none."""
    experts = getattr(model, "experts", [model])
    owners = [each for each in experts if isinstance(getattr(each, "trunk", None), nn.Module)]
    if not owners:
        raise BuildError("a model without pretrained networks can be neither probed nor finetuned")
    return owners


def outside(model: nn.Module) -> Iterator[nn.Module]:
    """The largest modules of a model that hold no trunk."""
    trunks = {id(owner.trunk) for owner in trunk_owners(model)}

    def parts(module: nn.Module) -> Iterator[nn.Module]:
        if id(module) in trunks:
            return
        if not any(id(inner) in trunks for inner in module.modules()):
            yield module
            return
        for child in module.children():
            yield from parts(child)

    return parts(model)


def layer_scales(model: nn.Module, decay: float) -> dict[int, float]:
    """The factor on the learning rate of each parameter of the trunks, by its id: `decay` to the
    number of layers behind it, as timm counts them. What stands on the trunks has none, so 1.

    Raises BuildError for a network whose layers timm does not tell apart.
    """
    from timm.optim import param_groups_layer_decay

    scales: dict[int, float] = {}
    for owner in trunk_owners(model):
        if not any(p.requires_grad for p in owner.trunk.parameters()):
            continue  # timm leaves out what is frozen
        groups = param_groups_layer_decay(owner.trunk.network, layer_decay=decay)
        if decay != 1 and len({group["lr_scale"] for group in groups}) < 2:
            raise BuildError("timm does not tell apart the layers of a network, for layer_decay")
        scales |= {id(p): float(g["lr_scale"]) for g in groups for p in g["params"]}
    return scales
