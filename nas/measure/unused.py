"""Arithmetic that a network with places for tokens spends on places that no token takes."""

from contextlib import ExitStack

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nas.moe import as_routed


def unused_macs(model: nn.Module, x: torch.Tensor) -> int | None:
    """Of the multiply-accumulates of one evaluation pass over `x`, those of experts' places beyond
    the tokens that chose them. 0 for a network without places; None where the network does not say
    which modules compute them. Needs numbers, not the meta device.

    An expert computes every place alike, so a layer with P places and t choices, of M MACs in all,
    spends M · (P − t)/P on unused ones. Leaves the model frozen and in evaluation mode.
    """
    routed = as_routed(model.eval().requires_grad_(False))
    if routed is None:
        return 0
    experts = routed.experts
    flops = [0] * len(experts)
    with FlopCounterMode(display=False) as counter, ExitStack() as hooks:

        def enter(index: int) -> None:
            flops[index] -= counter.get_total_flops()

        def leave(index: int) -> None:
            flops[index] += counter.get_total_flops()

        for index, module in enumerate(experts):
            hooks.enter_context(module.register_forward_pre_hook(lambda *_, i=index: enter(i)))
            hooks.enter_context(module.register_forward_hook(lambda *_, i=index: leave(i)))
        layers = routed(x).layers
    if all(layer.slots is None for layer in layers):
        return 0
    if len(experts) != len(layers):
        return None
    unused = 0
    for layer, spent in zip(layers, flops, strict=True):
        if layer.slots is not None:
            macs = spent // 2  # torch counts two FLOPs for each
            unused += macs // layer.slots * (layer.slots - int(layer.chosen.sum()))
    return unused
