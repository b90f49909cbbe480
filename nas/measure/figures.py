"""Runs all zero-cost proxies on a model. Shapes: B images in the batch."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite

import torch
from torch import Tensor, nn

from nas.measure.proxies.base import Proxy
from nas.registry import PROXIES

BATCH = 64
"""Number of images for the proxies."""


def figures(model: nn.Module, images: Tensor, labels: Tensor) -> dict[str, float]:
    """The result of every proxy by name; results that are not finite are omitted.

    `images` `(B, channels, H, W)` and `labels` `(B,)` are on the model's device. Every proxy
    starts from the same random state; that state and the model are restored afterwards. Exceptions
    of the model are raised.
    """
    found = {}
    for name in PROXIES.names():
        proxy = PROXIES.subclass(name, Proxy)()
        with _undone(model, images.device):
            found[name] = proxy.measure(model, images, labels)
    return {name: value for name, value in found.items() if isfinite(value)}


@contextmanager
def _undone(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Restores a model's buffers, gradients and modes, and torch's random state, at the end."""
    buffers = [(buffer, buffer.clone()) for buffer in model.buffers()]
    gradients = [(parameter, parameter.grad) for parameter in model.parameters()]
    modes = [(module, module.training) for module in model.modules()]
    devices = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        try:
            for parameter, _ in gradients:
                parameter.grad = None
            yield
        finally:
            with torch.no_grad():
                for buffer, kept in buffers:
                    buffer.copy_(kept)
            for parameter, gradient in gradients:
                parameter.grad = gradient
            for module, training in modes:
                module.training = training
