"""How long a trained model takes to classify images."""

from collections.abc import Callable, Sequence
from functools import partial
from math import sqrt
from statistics import quantiles
from typing import ClassVar

import torch
from torch import Tensor

from nas.data.batches import Split
from nas.diagnose.instruments.base import Figures, Instrument, Subject
from nas.measure.timing import forward_seconds


class ForwardLatency(Instrument):
    """Times of one forward pass in evaluation mode, by the size of its batch, B of `BATCHES`:

    - `batch_B.median_ms` and `batch_B.iqr_ms`: their median and interquartile range, in
      milliseconds;
    - `batch_B.images_per_s`: B over the median.

    The model runs as training runs it: uncompiled, in its precision, on a CPU on one thread. The
    images are of the validation split, since what a router does depends on them.
    """

    alone = True
    BATCHES: ClassVar[Sequence[int]] = (1, 8, 64)
    SECONDS: ClassVar[float] = 10.0
    """The longest time that one batch size is repeated."""

    def examine(self, subject: Subject) -> Figures:
        images = _first(subject.data.val, max(self.BATCHES))
        found: dict[str, float | tuple[float, ...]] = {}
        with torch.inference_mode():
            for batch in self.BATCHES:
                x = subject.compute.images(images[:batch])

                once = partial(forward_seconds, subject.model, x, subject.compute)
                low, median, high = repeated(once, self.SECONDS)
                found[f"batch_{batch}.median_ms"] = 1000 * median
                found[f"batch_{batch}.iqr_ms"] = 1000 * (high - low)
                found[f"batch_{batch}.images_per_s"] = batch / median
        return found


WARM = 3
"""Passes before the first that counts."""
ROUNDS = 20
"""The fewest that count, if there is time."""
FEWEST = 3
PRECISE = 0.02
"""Half of the median's 95 % interval, as a share of it, at which it is precise enough."""


def repeated(once: Callable[[], float], seconds: float) -> tuple[float, float, float]:
    """Quartiles of the times that `once` gives, repeated until the median is precise or they add up
    to `seconds`.

    The median's 95 % interval is ± 1.57 · IQR / √n (McGill, Tukey and Larsen 1978).
    """
    for _ in range(WARM):
        once()
    times: list[float] = []
    while True:
        times.append(once())
        late = sum(times) >= seconds
        if len(times) < (FEWEST if late else ROUNDS):
            continue
        low, median, high = quantiles(times, n=4, method="inclusive")
        if late or 1.57 * (high - low) / sqrt(len(times)) <= PRECISE * median:
            return low, median, high


def _first(split: Split, count: int) -> Tensor:
    """The first `count` images of a split, `(count, C, H, W)`; repeated, where it has fewer."""
    found: list[Tensor] = []
    for x, _ in split.batches(count):
        found.append(x)
        if sum(map(len, found)) >= count:
            break
    images = torch.cat(found)
    return images[torch.arange(count, device=images.device) % len(images)]
