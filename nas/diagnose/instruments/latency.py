"""How long a trained model takes to classify images."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from math import sqrt
from statistics import quantiles
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from nas.compute import Compute
from nas.data.batches import Split
from nas.diagnose.instruments.base import Figures, Instrument, Subject
from nas.measure.timing import forward_seconds
from nas.moe import as_routed


class ForwardLatency(Instrument):
    """Times of one pass in evaluation mode, by the size of its batch, B of `BATCHES`: of the whole
    model, and of a model that routes also of its parts. It takes about a minute.

    The model runs as training runs it: uncompiled, in its precision, on a CPU on one thread. The
    images are of the validation split, since what a router does depends on them. A batch size that
    would take longer than `SECONDS` a pass, judged by the one before, is left out.
    """

    alone = True
    BATCHES: ClassVar[Sequence[int]] = (1, 8, 64, 512)
    SECONDS: ClassVar[float] = 10.0
    """The longest time that the model is repeated with one batch size."""
    PART_SECONDS: ClassVar[float] = 0.5
    """The same for a part. All of a batch size's parts together get no more than the model."""

    def examine(self, subject: Subject) -> Figures:
        compute, model = subject.compute, subject.model
        images = _first(subject.data.val, max(self.BATCHES))
        found: dict[str, float | tuple[float, ...]] = {"threads": float(torch.get_num_threads())}
        of_parts: dict[str, tuple[float, ...]] = {}
        before, median = 1, 0.0
        with torch.inference_mode():
            for batch in self.BATCHES:
                if median * batch / before > self.SECONDS:
                    break
                x = compute.images(images[:batch])
                once = partial(forward_seconds, model, x, compute)
                before, times = batch, repeated(once, self.SECONDS)
                median = times[1]
                found[f"batch_{batch}.median_ms"] = 1000 * median
                found[f"batch_{batch}.quartiles_ms"] = _ms(times)
                found[f"batch_{batch}.images_per_s"] = batch / median
                of_batch = list(parts(model, x, compute))
                for name, call in of_batch:
                    once = partial(forward_seconds, call, x, compute)
                    seconds = min(self.PART_SECONDS, self.SECONDS / len(of_batch))
                    times = repeated(once, seconds)
                    of_parts[f"batch_{batch}.{name}.quartiles_ms"] = _ms(times)
        return found | of_parts


def parts(
    model: nn.Module, x: Tensor, compute: Compute
) -> Iterator[tuple[str, Callable[[Tensor], object]]]:
    """The parts of a model that routes, by name: called with `x`, each computes what it does in a
    pass over `x`. None for a plain model."""
    routed = as_routed(model)
    if routed is None:
        return
    with compute.autocast():
        layers = [layer.name for layer in routed(x).layers]
    modules = {
        **dict(_of_layers("gate", layers, routed.gate)),
        **{f"expert_{n}": module for n, module in enumerate(routed.networks)},
        **dict(_of_layers("experts", layers, routed.experts)),
    }
    given: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {}
    with ExitStack() as hooks, compute.autocast():
        for name, module in modules.items():
            hooks.enter_context(
                module.register_forward_pre_hook(
                    lambda _, args, kwargs, name=name: given.update({name: (args, kwargs)}),
                    with_kwargs=True,
                )
            )
        model(x)
        out = routed(x)  # after the model: where both call a module, this is with all images
    if out.expert_logits is not None:
        yield "dense", routed
    for name, module in modules.items():
        if name not in given:
            continue
        args, kwargs = given[name]
        yield name, partial(_again, module, args, kwargs)
        if alone := getattr(module, "alone", None):
            for n, run in enumerate(alone(*args, **kwargs)):
                yield f"{name.replace('experts', 'expert', 1)}_{n}", partial(_run, run)


def _of_layers(
    part: str, layers: Sequence[str], modules: Sequence[nn.Module]
) -> Iterator[tuple[str, nn.Module]]:
    """Modules by their layers' names; by numbers where there is not one for each. A mixture's only
    layer is called gate."""
    named = layers if len(layers) == len(modules) else range(len(modules))
    for name, module in zip(named, modules, strict=True):
        yield part if name == part else f"{part}_{name}", module


def _again(
    module: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any], _: Tensor
) -> object:
    """The call of a module that was seen in a pass."""
    return module(*args, **kwargs)


def _run(call: Callable[[], object], _: Tensor) -> object:
    return call()


def _ms(seconds: Sequence[float]) -> tuple[float, ...]:
    return tuple(1000 * each for each in seconds)


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
