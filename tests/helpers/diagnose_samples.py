"""Trained models for instruments, and instruments that fail."""

import os
import signal
import time

from train_samples import MIXTURE, SINGLE, TOP_1

from nas.diagnose.examining import Finding, TrainedCandidate
from nas.diagnose.examining import examine as really

LAYERS = '''
from typing import NamedTuple
import torch
from torch import nn

class Routing(NamedTuple):
    name: str
    gate_logits: torch.Tensor
    probs: torch.Tensor
    weights: torch.Tensor
    chosen: torch.Tensor
    kept: torch.Tensor
    slots: int | None = None
    clean_logits: torch.Tensor | None = None
    noise_scale: torch.Tensor | None = None

class Output(NamedTuple):
    logits: torch.Tensor
    layers: tuple
    expert_logits: torch.Tensor | None = None

class Layer(nn.Module):
    """Each token goes to one of three experts, which take half of the tokens together."""

    def __init__(self, name, width):
        super().__init__()
        self.name = name
        self.gate = nn.Linear(width, 3)
        self.experts = nn.ModuleList([nn.Linear(width, width) for _ in range(3)])

    def forward(self, x):
        logits = self.gate(x)
        probs = logits.softmax(1)
        best = probs.argmax(1)[:, None]
        chosen = torch.zeros_like(probs, dtype=torch.bool).scatter(1, best, True)
        places = max(1, len(x) // 6)
        kept = chosen & (chosen.cumsum(0) <= places)
        weights = probs * kept
        out = sum(weights[:, i, None] * e(x) for i, e in enumerate(self.experts))
        return x + out, Routing(self.name, logits, probs, weights, chosen, kept, 3 * places)

class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.stem = nn.Conv2d(1, 6, 4, stride=4)
        self.norm = nn.BatchNorm2d(6)
        self.layers = nn.ModuleList([Layer("first", 6), Layer("second", 6)])
        self.head = nn.Linear(6, num_classes)

    def routed(self, x):
        found = []
        x = self.norm(self.stem(x)).flatten(2).transpose(1, 2)
        images, tokens, width = x.shape
        x = x.reshape(-1, width)
        for layer in self.layers:
            x, decided = layer(x)
            found.append(decided)
        return Output(self.head(x.reshape(images, tokens, width).mean(1)), tuple(found))

    def parts(self):
        return {"gate": [layer.gate for layer in self.layers]}

    def forward(self, x):
        return self.routed(x).logits

def build(num_classes):
    return Net(num_classes)
'''
"""16 tokens an image through two layers that route, with a capacity; of 1 × 16 × 16 images."""

SOURCES = {"plain": SINGLE, "soft": MIXTURE, "top1": TOP_1, "layers": LAYERS}
LAYER_NAMES = {"plain": [], "soft": ["gate"], "top1": ["gate"], "layers": ["first", "second"]}


def dies_in_latency(name: str, trained: TrainedCandidate) -> Finding:
    """As `examine`, in a process that is killed in one instrument."""
    if name == "latency":
        os.kill(os.getpid(), signal.SIGKILL)
    return really(name, trained)


def hangs_in_latency(name: str, trained: TrainedCandidate) -> Finding:
    """As `examine`, but one instrument never ends."""
    if name == "latency":
        time.sleep(3600)
    return really(name, trained)
