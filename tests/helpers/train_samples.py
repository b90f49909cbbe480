"""Source texts that keep the contract of rendered modules, smaller than any template's."""

from typing import Any

import torch

from nas.schema import Epoch, Outcome, Trial
from nas.worker.evaluate import evaluate

FAMILIES = ("alpha", "beta", "gamma")

SINGLE = """
from torch import nn

def build(num_classes):
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Flatten(),
        nn.Linear(8 * 64, num_classes),
    )
"""
"""A control: one plain model of 1 × 16 × 16 images."""

MIXTURE = """
from typing import NamedTuple
import torch
from torch import nn

class Output(NamedTuple):
    logits: torch.Tensor
    weights: torch.Tensor
    probs: torch.Tensor
    gate_logits: torch.Tensor
    expert_logits: torch.Tensor

class Gate(nn.Module):
    def __init__(self, experts):
        super().__init__()
        self.raw = nn.Parameter(torch.tensor(2.0))
        self.linear = nn.Linear(256, experts)

    @property
    def temperature(self):
        return self.raw.clamp(0.5, 5.0)

    def forward(self, x):
        logits = self.linear(x.flatten(1))
        if self.training:
            logits = logits + 0.1 * torch.randn_like(logits)
        return logits / self.temperature

def expert(width, num_classes):
    return nn.Sequential(
        nn.Conv2d(1, width, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(),
        nn.Dropout(0.1),
        nn.Flatten(),
        nn.Linear(width * 64, num_classes),
    )

class Mixture(nn.Module):
    def __init__(self, num_classes, k):
        super().__init__()
        self.k = k
        self.experts = nn.ModuleList([expert(width, num_classes) for width in (4, 6, 8)])
        self.gate = Gate(3)

    def mixture(self, x):
        gate_logits = self.gate(x)
        probs = weights = gate_logits.softmax(1)
        if self.k:
            values, chosen = probs.topk(self.k, dim=1)
            values = values / values.sum(1, keepdim=True).detach()
            weights = torch.zeros_like(probs).scatter(1, chosen, values)
        expert_logits = torch.stack([e(x) for e in self.experts], 1)
        logits = (weights[..., None] * expert_logits).sum(1)
        return Output(logits, weights, probs, gate_logits, expert_logits)

    def forward(self, x):
        return self.mixture(x).logits

def build(num_classes):
    return Mixture(num_classes, k=0)
"""
"""A soft mixture of three experts of 1 × 16 × 16 images."""

TOP_1 = MIXTURE.replace("k=0", "k=1")

SOURCES = {"single": SINGLE, "soft": MIXTURE, "top1": TOP_1}


TIMES = {"seconds", "images_per_second", "peak_memory_bytes"}


def figures(noun: Epoch | Outcome) -> dict[str, Any]:
    """All but what depends on the machine."""
    return noun.model_dump(exclude=TIMES)


def same_state(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def finish(trial: Trial) -> tuple[list[Epoch], Outcome]:
    """Runs a trial to its end, which is exactly one Outcome."""
    *epochs, outcome = evaluate(trial)
    assert isinstance(outcome, Outcome)
    assert all(isinstance(epoch, Epoch) for epoch in epochs)
    return epochs, outcome  # type: ignore[return-value]
