"""Rendered files under the probe: sound ones, and one fault each."""

import pytest

from nas import render, space
from nas.preflight import check_candidate
from nas.spec import Assignment, Candidate, Pick, Task

SOUND = """
import torch
from torch import nn
from typing import NamedTuple

class Output(NamedTuple):
    logits: torch.Tensor
    weights: torch.Tensor

class Mixture(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.experts = nn.ModuleList(nn.Linear(12, classes) for _ in range(2))
        self.gate = nn.Linear(12, 2)

    def mixture(self, x):
        x = x.flatten(1)
        weights = self.gate(x).softmax(1)
        logits = torch.stack([expert(x) for expert in self.experts], 1)
        return Output((weights.unsqueeze(2) * logits).sum(1), weights)

    def forward(self, x):
        return self.mixture(x).logits

def build(num_classes):
    return Mixture(num_classes)
"""


def problems(old: str = "", new: str = "") -> list[str]:
    assert SOUND.count(old) >= 1
    return [str(p) for p in check_candidate(SOUND.replace(old, new), 3, 2, 3)]


def test_a_sound_mixture_has_no_problems() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("import torch\n", "import torc\n", ["does not import: ModuleNotFoundError: No module"]),
        ("class Mixture", "class class", ["does not import: SyntaxError: invalid syntax"]),
        ("def build", "def make", ["defines no build(num_classes)"]),
        ("Mixture(num_classes)", "Mixture()", ["does not build: TypeError: "]),
        ("Linear(12, 2)", "Linear(11, 2)", ["does not train: RuntimeError: "]),
        ("Linear(12, classes)", "Linear(12, 4)", ["gives (4, 4) instead of (4, 3) in training"]),
        (
            "return self.mixture(x).logits",
            "return self.mixture(x).weights",
            ["gives (4, 2) instead of (4, 3) in evaluation"],
        ),
        (".softmax(1)", ".softmax(1) / 0", ["gives infinite or undefined numbers in training"]),
        (
            ".softmax(1)",
            ".softmax(1).detach()",
            ["gate: no gradient reaches weight, bias"],
        ),
        (
            "expert(x) for expert in self.experts",
            "expert(x).detach() for expert in self.experts",
            [
                "expert 0: no gradient reaches weight, bias",
                "expert 1: no gradient reaches weight, bias",
            ],
        ),
        (
            "unsqueeze(2) * logits",
            "unsqueeze(2) * logits * torch.tensor([0.0, 1.0]).view(1, 2, 1)",
            ["expert 0: every gradient is zero"],
        ),
    ],
)
def test_each_fault_is_named(old: str, new: str, said: list[str]) -> None:
    found = problems(old, new)
    assert len(found) == len(said)
    assert all(f.startswith(s) for f, s in zip(found, said, strict=True)), found


def test_an_expert_that_no_image_chose_is_sound() -> None:
    assert problems(".softmax(1)", ".softmax(1) * torch.tensor([0.0, 1.0])") == []


@pytest.mark.parametrize("mixing", ["soft", "top1", "top2"])
def test_rendered_quartets_are_sound(mixing: str) -> None:
    tiny = space.load("tiny")
    picks = [Pick(family, member.model) for family, member in tiny.members]
    quartet = {pick.family: pick for pick in picks if pick.model.startswith("test_")}
    some = tuple(quartet.values())[:4]
    candidate = Candidate.of(
        tiny, Assignment(some, (("mixing", mixing),)), Task(), render.template_hash("moe4")
    )
    assert check_candidate(render.render(candidate), 10, 32, 3) == []
