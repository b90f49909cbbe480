"""A layer of positional convolution experts as its source runs it, for pce.py.

After the repository mirkzx04/Positional_Convolution_Experts: a loop over experts that waits for the
device, with telemetry. Shapes: N tokens, C channels, p a patch's side, E experts.
"""

import math
from typing import Any

import torch
from torch import nn
from torch.nn import functional


class Telemetry:
    """What the source tallies of each layer and forward pass, and reads back from the device."""

    BINS = 100

    def __init__(self, experts: int, device: torch.device) -> None:
        self.tokens = self.dropped = self.passes = self.places = 0
        self.spread = self.entropy = 0.0
        self.loads, self.used, self.weights = torch.zeros(
            3, experts, dtype=torch.float64, device=device
        )
        self.edges = torch.linspace(0, 1, self.BINS + 1, dtype=torch.float64, device=device)
        self.histogram = torch.zeros(self.BINS, dtype=torch.float64, device=device)

    @torch.no_grad()
    def add(self, logits: torch.Tensor, dispatch: torch.Tensor, combine: torch.Tensor) -> None:
        """Logits (N, E) and the (N, E, places) masks of slots, without and with weights."""
        self.passes += 1
        self.spread += logits.std().item()
        count, experts, places = dispatch.shape
        self.tokens += count
        self.places += experts * places
        self.dropped += int((dispatch.view(count, -1).sum(dim=1) == 0).sum().item())
        chosen = dispatch.any(dim=2).to(torch.float64)
        self.loads += chosen.sum(dim=0)
        self.used += dispatch.any(dim=0).to(torch.float64).sum(dim=1)
        self.weights += combine.sum(dim=(0, 2)).to(torch.float64)
        weights = combine.view(count, -1).sum(dim=1).clamp(0, 1).to(torch.float64)
        bins = (torch.bucketize(weights, self.edges) - 1).clamp(0, self.BINS - 1)
        self.histogram += torch.bincount(bins, minlength=self.BINS)
        probs = logits.softmax(dim=1)
        entropy = -(probs * (probs + 1e-9).log()).sum(dim=1)
        self.entropy += (entropy / math.log(experts)).mean().item()


class Loop(nn.Module):
    """A routed layer as its source runs it: one expert after another, tokens picked by masks."""

    def __init__(self, module: Any, layer: Any, factor: float, telemetry: bool = True) -> None:
        super().__init__()
        self.unfold = module.unfold
        self.layer = layer
        self.factor = factor
        channels, experts = layer.experts.channels, layer.experts.experts
        device = layer.gamma.device
        self.telemetry = Telemetry(experts, device) if telemetry else None
        self.experts = nn.ModuleList(
            module.ConvExperts(channels, 1, layer.experts.first.kernel_size[0])
            for _ in range(experts)
        ).to(device)
        for index, expert in enumerate(self.experts):
            rows = slice(index * channels, (index + 1) * channels)
            state = layer.experts.state_dict()
            expert.load_state_dict({name: value[rows] for name, value in state.items()})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.unfold(x, self.layer.patch)
        logits = self.layer.router(tokens)
        results = self.sparse_step(tokens, logits, logits.softmax(dim=1))
        merged: torch.Tensor = self.layer.merge(tokens, results, x)
        return merged

    def sparse_step(
        self, tokens: torch.Tensor, logits: torch.Tensor, probs: torch.Tensor
    ) -> torch.Tensor:
        """Tokens (N, C, p, p), logits and probabilities (N, E) → results (N, C, p, p)."""
        count, experts = probs.shape
        places = math.ceil(self.factor * count / experts)
        best, index = probs.max(dim=1)
        mask = functional.one_hot(index, experts)
        order = best.argsort(descending=True, stable=True)
        ranks = torch.empty_like(mask).index_copy(0, order, mask[order].cumsum(dim=0) - 1)
        kept = mask.bool() & (ranks < places)
        place = functional.one_hot(ranks.clamp(0, places - 1), places)
        dispatch = kept.unsqueeze(2) & place.bool()
        combine = (best / best.detach()).view(-1, 1, 1) * dispatch
        if self.telemetry:
            self.telemetry.add(logits, dispatch, combine)
        token, expert_of, slot = dispatch.nonzero(as_tuple=True)
        results = torch.zeros_like(tokens)
        for e, expert in enumerate(self.experts):
            chosen = expert_of == e
            if chosen.any():
                rows = token[chosen]
                weight = combine[rows, e, slot[chosen]].view(-1, 1, 1, 1)
                results.index_add_(0, rows, expert(tokens[rows]) * weight)
        return results
