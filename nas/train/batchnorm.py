"""BatchNorm statistics that are right after few steps."""

from collections.abc import Callable
from itertools import islice

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from nas.compute import Compute
from nas.data.batches import Split
from nas.moe import as_routed
from nas.train.freeze import thawed_modules

IMAGES = 512
"""Enough for a channel's mean to ±4 % of its deviation even where maps are 1×1."""


def reestimate(
    model: nn.Module,
    split: Split,
    batch_size: int,
    *,
    compute: Compute,
    generator: torch.Generator,
    tick: Callable[[], None],
) -> None:
    """Replaces BatchNorm's running statistics by averages over unaugmented training images.

    Running averages remember 1/momentum steps: after the few steps of a short training they
    still hold their initial 0 and 1 (a momentum of 3e-4 has moved 2 % after 68 steps), and they
    describe earlier weights and mixed-up images. So at most IMAGES random images are passed
    forward and every batch counts equally ("PreciseBN", arXiv 2105.07576). Everything but
    BatchNorm runs in evaluation mode; a mixture runs all its experts on all images, as in
    training. Leaves frozen parts' statistics alone, and the model in evaluation mode. Does nothing
    where none is left to re-estimate.
    """
    model.eval()
    norms = [
        module
        for module in thawed_modules(model)
        if isinstance(module, _BatchNorm) and module.running_mean is not None
    ]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    forward = as_routed(model) or model
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a cumulative average
        norm.train()
    batches = split.batches(batch_size, generator=generator)
    with torch.no_grad(), compute.autocast():
        for x, _ in islice(batches, max(1, IMAGES // batch_size)):
            forward(compute.images(x))
            tick()
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
        norm.eval()
