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
    """A routed layer that runs one expert after another on tokens picked by masks.

    As its source runs it, every pass also lays the positions out over the tokens, computes the
    router's three losses and tallies what was routed. Otherwise it is the loop alone, with the
    layer's router, and losses in training only.
    """

    def __init__(self, module: Any, layer: Any, factor: float, as_source: bool) -> None:
        super().__init__()
        self.unfold = module.unfold
        self.layer = layer
        self.factor = factor
        self.as_source = as_source
        channels, experts = layer.experts.channels, layer.experts.experts
        device = layer.gamma.device
        self.telemetry = Telemetry(experts, device)
        self.experts = nn.ModuleList(
            module.ConvExperts(channels, 1, layer.experts.first.kernel_size[0])
            for _ in range(experts)
        ).to(device)
        for index, expert in enumerate(self.experts):
            rows = slice(index * channels, (index + 1) * channels)
            state = layer.experts.state_dict()
            expert.load_state_dict({name: value[rows] for name, value in state.items()})
        self.losses = torch.zeros((), device=device)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.unfold(x, self.layer.patch)
        merged: torch.Tensor = self.layer.merge(tokens, self.step(tokens), x)
        return merged

    def step(self, tokens: torch.Tensor) -> torch.Tensor:
        """Tokens (N, C, p, p) → their experts' results (N, C, p, p); sets `losses`."""
        logits = self.scored(tokens) if self.as_source else self.layer.router(tokens)
        probs = logits.softmax(dim=1)
        dispatch, combine = self.slots(probs)
        if self.as_source or self.training:
            self.losses = auxiliary(logits, probs, dispatch.any(dim=2))
        if self.as_source:
            self.telemetry.add(logits.detach(), dispatch, combine.detach())
        token, expert_of, slot = dispatch.nonzero(as_tuple=True)
        results = torch.zeros_like(tokens)
        for e, expert in enumerate(self.experts):
            chosen = expert_of == e
            if chosen.any():
                rows = token[chosen]
                weight = combine[rows, e, slot[chosen]].view(-1, 1, 1, 1)
                results.index_add_(0, rows, expert(tokens[rows]) * weight)
        return results

    def scored(self, tokens: torch.Tensor) -> torch.Tensor:
        """The router's logits (N, E), with its positions computed anew and laid over the tokens."""
        router, (count, _, side, _) = self.layer.router, tokens.shape
        where = positions(math.isqrt(len(router.positions)), tokens.device)
        where = where.repeat(count // len(where), 1).view(count, -1, 1, 1)
        tokens = torch.cat([tokens, where.expand(-1, -1, side, side)], dim=1)
        pooled = torch.cat([tokens.mean(dim=(2, 3)), tokens.amax(dim=(2, 3))], dim=1)
        scores = router.score(router.norm(pooled))
        scores = scores - scores.mean(dim=1, keepdim=True)
        logits: torch.Tensor = (scores / router.temperature).clamp(-10, 10)
        return logits + router.noise * torch.rand_like(logits) if self.training else logits

    def slots(self, probs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Masks (N, E, places) of the slots in use: as they are, and as weights with a gradient."""
        count, experts = probs.shape
        places = math.ceil(self.factor * count / experts)
        best, index = probs.max(dim=1)
        mask = functional.one_hot(index, experts)
        order = best.argsort(descending=True, stable=True)
        ranks = torch.empty_like(mask).index_copy(0, order, mask[order].cumsum(dim=0) - 1)
        kept = mask.bool() & (ranks < places)
        place = functional.one_hot(ranks.clamp(0, places - 1), places)
        dispatch = kept.unsqueeze(2) & place.bool()
        return dispatch, (best / best.detach()).view(-1, 1, 1) * dispatch


def positions(side: int, device: torch.device) -> torch.Tensor:
    """Fourier positions of side² patches: (side², 18)."""
    steps = torch.linspace(0, 1, side, device=device)
    y, x = torch.meshgrid(steps, steps, indexing="ij")
    place = torch.stack([x, y], dim=-1).flatten(0, 1)
    bands = torch.pi * 2.0 ** torch.linspace(0, 3, 4, device=device)
    angles = place.unsqueeze(-1) * bands
    waves = torch.cat([angles.sin(), angles.cos()], dim=-1).flatten(1)
    return torch.cat([place, waves], dim=1)


def auxiliary(logits: torch.Tensor, probs: torch.Tensor, load: torch.Tensor) -> torch.Tensor:
    """The router's three losses, weighed: z, balance and diversity.

    Logits, probabilities and which token goes where, all (N, E).
    """
    experts = probs.shape[1]
    z = logits.logsumexp(dim=1).square().mean()
    balance = experts * (load.float().mean(dim=0) * probs.mean(dim=0)).sum()
    columns = functional.normalize(probs, dim=0)
    identity = torch.eye(experts, device=probs.device)
    diversity = (columns.t() @ columns - identity).square().mean()
    return 1e-4 * z + 0.01 * balance + 0.01 * diversity
