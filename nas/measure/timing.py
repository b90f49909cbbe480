"""Latency of a model's forward pass."""

from collections.abc import Callable, Sequence
from statistics import median
from time import perf_counter

import torch
from torch import nn

from nas.compute import Compute

BATCHES = (1, 32)
"""Batch sizes: one image at a time, and a typical server batch."""
ROUNDS = 9
_WARM = 2


def latency(
    model: nn.Module, shape: Sequence[int], compute: Compute, batches: Sequence[int] = BATCHES
) -> dict[int, float]:
    """Median seconds of one forward pass by batch size, for images of `shape` (channels, H, W).

    In evaluation mode, in the precision of training, with this process's number of threads.
    """
    model.eval()
    found = {}
    with torch.inference_mode():
        for batch in batches:
            x = compute.images(torch.zeros(batch, *shape, device=compute.device))
            times = [forward_seconds(model, x, compute) for _ in range(_WARM + ROUNDS)]
            found[batch] = median(times[_WARM:])
    return found


def forward_seconds(
    model: Callable[[torch.Tensor], object], x: torch.Tensor, compute: Compute
) -> float:
    """Seconds of one forward pass of a batch `(B, channels, H, W)`, until the device is done."""
    start = perf_counter()
    with compute.autocast():
        model(x)
    if compute.device.type == "cuda":
        torch.cuda.synchronize(compute.device)
    return perf_counter() - start
