"""Builds networks on the meta device, which has shapes but no numbers: errors show up cheaply."""

import warnings
from typing import cast

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from nas.measure.checks import stage
from nas.schema import Member, ProblemError


def create(member: Member, num_classes: int, channels: int) -> nn.Module:
    """The untrained model, on the default device. Raises timm's exceptions."""
    import timm  # takes seconds, and campaigns of other networks do not need it

    model = timm.create_model(
        member.model, pretrained=False, num_classes=num_classes, in_chans=channels, **member.args
    )
    return cast(nn.Module, model)


def count_macs(model: nn.Module, x: torch.Tensor) -> int:
    """Multiply-accumulates of one evaluation pass over `x`: matrix products and convolutions.

    torch counts two FLOPs per multiply-accumulate; its FLOPs of ResNet-18 at 224 px are
    2 × 1,814,073,344. Leaves the model frozen and in evaluation mode.
    """
    # FlopCounterMode follows modules through the gradients of their inputs, and fails on inputs
    # that are views of parameters.
    model.eval().requires_grad_(False)
    with FlopCounterMode(display=False) as counter:
        model(x)
    return int(counter.get_total_flops()) // 2


def count(built: Member, image_size: int, channels: int, num_classes: int) -> tuple[int, int]:
    """(parameters, MACs of one image) of a member that is built here.

    Raises ProblemError for one that does not build, or refuses images of that size.
    """
    try:
        return _count("meta", built, image_size, channels, num_classes)
    except ProblemError as error:
        if not isinstance(error.__cause__, RuntimeError):
            raise
    # Some networks, above all in older timm, compute with numbers while being built, and meta
    # tensors have none. A network that also fails on the CPU is itself at fault.
    return _count("cpu", built, image_size, channels, num_classes)


def _count(
    device: str, member: Member, image_size: int, channels: int, num_classes: int
) -> tuple[int, int]:
    with warnings.catch_warnings(), torch.random.fork_rng(devices=[]), torch.device(device):
        warnings.simplefilter("ignore")
        with stage("does not build"):
            model = create(member, num_classes, channels)
        with stage(f"refuses {image_size}×{image_size} images"):
            macs = count_macs(model, torch.zeros(1, channels, image_size, image_size))
    return sum(p.numel() for p in model.parameters()), macs
