"""What a template adds to its experts, or a whole model without experts: counted by running its
code. And which losses are not defined for it."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import torch
from torch import nn

from nas.faults import BuildError
from nas.measure.checks import stage
from nas.measure.cost import NO_OVERHEAD, Overhead
from nas.measure.meta import count_macs
from nas.measure.saved import saved_bytes
from nas.measure.unused import unused_macs
from nas.moe import as_routed, loss
from nas.schema import ProblemError
from nas.train.rendered import load_model, load_module


def overhead(code: str, image_size: int, channels: int, classes: int = 0) -> Overhead:
    """Counts a rendered file's `build_gate()` on the meta device; nothing if it has none. With
    `classes`, the whole model `build(classes)`, for a candidate without experts. Of a model that
    runs some of its experts for an image, only those count among the MACs.

    Of a whole model the active MACs are counted too. Saved tensors are counted in fp32, an upper
    bound under autocast. Raises ProblemError for code that does not run.
    """
    with stage("does not import"):
        module = vars(load_module(code))
    if not classes and "build_gate" not in module:
        return NO_OVERHEAD
    if not classes:
        return _counted("meta", module["build_gate"], "its gate", image_size, channels)
    whole = partial(module["build"], classes), "the model", image_size, channels
    try:
        found = _counted("meta", *whole)
    except ProblemError as error:
        if not isinstance(error.__cause__, RuntimeError):
            raise
        # A model that sends images to some of its experts reads numbers, and meta tensors have
        # none.
        found = _counted("cpu", *whole)
    with stage("the model does not run"), torch.random.fork_rng(devices=[]):
        model = whole[0]()
        unused = unused_macs(model, torch.zeros(1, channels, image_size, image_size))
    return replace(found, active_macs=None if unused is None else found.macs - unused)


def refused_loss(
    code: str, image_size: int, channels: int, losses: Sequence[str]
) -> tuple[str, str] | None:
    """The first loss that the network of a rendered file is not defined for, and the reason; None
    if it takes them all, or does not route. Raises whatever the code raises."""
    model = as_routed(load_model(code, 2).train())
    if model is None:
        return None
    layers = model(torch.randn(2, channels, image_size, image_size)).layers
    for name in losses:
        try:
            for layer in layers:
                loss(name)(layer)
        except BuildError as error:
            return name, str(error)
    return None


def _counted(
    device: str, build: Callable[[], nn.Module], what: str, image_size: int, channels: int
) -> Overhead:
    with (
        warnings.catch_warnings(),
        torch.random.fork_rng(devices=[]),
        torch.device(device),
        stage(f"{what} does not run"),
    ):
        warnings.simplefilter("ignore")
        part = build().train()
        images = torch.zeros(2, channels, image_size, image_size)
        _, saved = saved_bytes(part, images)
        macs = count_macs(part, images[:1])
    return Overhead(sum(p.numel() for p in part.parameters()), macs, -(-saved // len(images)))
