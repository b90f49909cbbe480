"""What all instruments find of a model. Shapes: B images in the batch."""

from collections.abc import Iterator
from contextlib import contextmanager
from math import isfinite

import torch
from torch import Tensor, nn

from nas.measure.instruments.base import Instrument
from nas.registry import INSTRUMENTS

BATCH = 64
"""Images they look at."""


def figures(model: nn.Module, images: Tensor, labels: Tensor) -> dict[str, float]:
    """The figure of every instrument by its name; those that are no finite number are left out.

    `images` `(B, channels, H, W)` and `labels` `(B,)` are on the model's device. Each instrument
    begins from the random state that it finds, and the model and that state are left as they were.
    Raises what a model raises that does not run.
    """
    found = {}
    for name in INSTRUMENTS.names():
        instrument = INSTRUMENTS.subclass(name, Instrument)()
        with _undone(model, images.device):
            found[name] = instrument.measure(model, images, labels)
    return {name: value for name, value in found.items() if isfinite(value)}


@contextmanager
def _undone(model: nn.Module, device: torch.device) -> Iterator[None]:
    """Puts back a model's buffers, gradients and modes, and torch's random state."""
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
