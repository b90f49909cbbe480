"""Adds up routing decisions on the device. Shapes: N tokens, E experts."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from nas.moe.routing import Routing
from nas.moe.totals import RoutingTotals


@dataclass
class _Layer:
    experts: int
    sums: Tensor
    """float64 `(1 + 4E,)` on the device: entropy, probabilities, weights, chosen, kept."""
    tokens: int = 0
    slots: int | None = None


class RoutingMeter:
    """The totals of each layer over a pass. Reads nothing back before `totals`, then once."""

    def __init__(self) -> None:
        self._layers: dict[str, _Layer] = {}

    @torch.no_grad()
    def add(self, layers: Sequence[Routing]) -> None:
        """Adds a batch's decisions of all layers."""
        for layer in layers:
            tokens, experts = layer.probs.shape
            sums = torch.cat(
                [
                    -layer.probs.xlogy(layer.probs).sum(dtype=torch.float64).view(1),
                    layer.probs.sum(dim=0, dtype=torch.float64),
                    layer.weights.sum(dim=0, dtype=torch.float64),
                    layer.chosen.sum(dim=0, dtype=torch.float64),
                    layer.kept.sum(dim=0, dtype=torch.float64),
                ]
            )
            known = self._layers.setdefault(layer.name, _Layer(experts, torch.zeros_like(sums)))
            known.sums += sums
            known.tokens += tokens
            if layer.slots is not None:
                known.slots = (known.slots or 0) + layer.slots

    def totals(self) -> dict[str, RoutingTotals]:
        """By layer, in the network's order; empty if nothing was added."""
        if not self._layers:
            return {}
        flat = torch.cat([layer.sums for layer in self._layers.values()]).tolist()
        found: dict[str, RoutingTotals] = {}
        for name, layer in self._layers.items():
            (entropy, *each), flat = flat[: len(layer.sums)], flat[len(layer.sums) :]
            e = layer.experts
            found[name] = RoutingTotals(
                tokens=layer.tokens,
                entropy=entropy,
                probs=tuple(each[:e]),
                weights=tuple(each[e : 2 * e]),
                chosen=tuple(each[2 * e : 3 * e]),
                kept=tuple(each[3 * e :]),
                slots=layer.slots,
            )
        return found
