"""Decisions of routers, made up. Shapes: N tokens, E experts."""

import torch
from torch import Tensor

from nas.moe import Routing, RoutingMeter, RoutingTotals


def routing(
    probs: Tensor, k: int | None = None, kept: Tensor | None = None, slots: int | None = None
) -> Routing:
    """Of probabilities `(N, E)`: soft, or top-k, of which some are kept."""
    chosen = torch.ones_like(probs, dtype=torch.bool)
    if k is not None:
        chosen = torch.zeros_like(chosen).scatter(1, probs.topk(k, dim=1).indices, True)
    kept = chosen if kept is None else kept
    weights = probs * kept
    if k is not None:
        weights = weights / weights.sum(1, keepdim=True).clamp(min=1e-9)
    return Routing("moe", probs.clamp_min(1e-38).log(), probs, weights, chosen, kept, slots)


def hard(*tokens: tuple[int, bool], experts: int, slots: int | None = None) -> Routing:
    """Each token sure of one expert, and kept or not."""
    chosen = torch.zeros(len(tokens), experts, dtype=torch.bool)
    kept = chosen.clone()
    for token, (expert, has_room) in enumerate(tokens):
        chosen[token, expert] = True
        kept[token, expert] = has_room
    probs = chosen.float()
    return Routing("moe", probs.clamp_min(1e-38).log(), probs, kept.float(), chosen, kept, slots)


def measured(*batches: Routing) -> RoutingTotals:
    """The totals of one layer over some batches."""
    meter = RoutingMeter()
    for batch in batches:
        meter.add([batch])
    [totals] = meter.totals().values()
    return totals


def random_probs(seed: int, tokens: int, experts: int) -> Tensor:
    """Probabilities `(N, E)`, float64."""
    generator = torch.Generator().manual_seed(seed)
    return (3 * torch.randn(tokens, experts, generator=generator, dtype=torch.float64)).softmax(1)
