"""What losses and meters get of a network that routes.

Shapes: N tokens that a layer routed (images, where it routes whole images), E experts, B batch,
C classes.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor

from nas.moe.totals import RoutingTotals


@dataclass(frozen=True, slots=True)
class Routing:
    """What one layer's router decided for a batch, in fp32 at least, whatever the model computes
    in. `templates/_routing.py.j2` is its counterpart in rendered files."""

    name: str
    """The layer's."""
    gate_logits: Tensor
    """`(N, E)`: what the softmax gets: after temperature, and in training noise."""
    probs: Tensor
    """`(N, E)`: the softmax."""
    weights: Tensor
    """`(N, E)`: what experts' outputs are multiplied by; 0 outside the kept ones."""
    chosen: Tensor
    """`(N, E)` bool: the experts a token chose, before capacity; all of them in a soft layer."""
    kept: Tensor
    """`(N, E)` bool: those of the chosen that had room for it."""
    slots: int | None = None
    """Places that all experts together were run on; None without such places."""
    clean_logits: Tensor | None = None
    """`(N, E)`: logits before noise whose size is learned; else None, as `noise_scale`."""
    noise_scale: Tensor | None = None
    """`(N, E)`: that noise's standard deviation."""

    @classmethod
    def of(cls, layer: Any) -> Self:
        """From the `Routing` of a rendered file, which has the same fields."""
        return cls(
            name=layer.name,
            gate_logits=_precise(layer.gate_logits),
            probs=_precise(layer.probs),
            weights=_precise(layer.weights),
            chosen=layer.chosen,
            kept=layer.kept,
            slots=layer.slots,
            clean_logits=None if layer.clean_logits is None else _precise(layer.clean_logits),
            noise_scale=None if layer.noise_scale is None else _precise(layer.noise_scale),
        )

    @classmethod
    def dense(cls, name: str, gate_logits: Tensor, probs: Tensor, weights: Tensor) -> Self:
        """Of a mixture without capacity. If its weights are its probabilities it is soft and
        chooses all experts, also those whose probability underflows; else those with a weight."""
        chosen = torch.ones_like(weights, dtype=torch.bool) if weights is probs else weights > 0
        return cls(name, _precise(gate_logits), _precise(probs), _precise(weights), chosen, chosen)


def _precise(x: Tensor) -> Tensor:
    return x if x.dtype is torch.float64 else x.float()


Loss = Callable[[Routing], Tensor]
"""Of one layer and a batch → a scalar that training adds to its objective, times its weight in the
recipe. Its gradient reaches the gate; nothing is read back from the device. Raises BuildError for a
layer that it is not defined for."""
RoutingMetric = Callable[[RoutingTotals], float | tuple[float, ...] | None]
"""Of one layer and a pass over a split → the metric, a number or one for each expert; None where
it has no meaning."""
