"""Faulty models, and a watch on models."""

import weakref

import pytest
from torch import nn

from nas.train import load_model
from nas.worker import evaluate as module


def fails(how: str, *, where: str = "forward") -> str:
    """A rendered-like control that does `how` in `forward` or in `build`."""
    actions = {"forward": "pass", "build": "pass"} | {where: how}
    return f"""
import torch
from torch import nn

class Faulty(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(256, 10)

    def forward(self, x):
        y = self.linear(x.flatten(1))
        {actions["forward"]}
        return y

def build(num_classes):
    {actions["build"]}
    return Faulty()
"""


def watch_models(monkeypatch: pytest.MonkeyPatch) -> list["weakref.ref[nn.Module]"]:
    """Weak references to the models that are built from now on."""
    models: list[weakref.ref[nn.Module]] = []

    def load(code: str, num_classes: int) -> nn.Module:
        model = load_model(code, num_classes)
        models.append(weakref.ref(model))
        return model

    monkeypatch.setattr(module, "load_model", load)
    return models
