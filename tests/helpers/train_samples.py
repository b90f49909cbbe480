"""Source texts that keep the contract of rendered modules, smaller than any template's."""

from typing import Any

import torch

from nas.render import render, template_hash
from nas.schema import (
    Candidate,
    Epoch,
    Member,
    ModelInput,
    Outcome,
    Recipe,
    Task,
    Trial,
    Weights,
)
from nas.schema.candidate import Expert
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
        self.register_buffer("temperature", torch.tensor(1.0))
        self.experts = nn.ModuleList([nn.Linear(width, width) for _ in range(3)])

    def forward(self, x):
        logits = self.gate(x) / self.temperature
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
        self.stem = nn.Conv2d(1, 24, 4, stride=4)
        self.norm = nn.BatchNorm2d(24)
        self.layers = nn.ModuleList([Layer("first", 24), Layer("second", 24)])
        self.head = nn.Linear(16 * 24, num_classes)

    def routed(self, x):
        found = []
        x = self.norm(self.stem(x)).flatten(2).transpose(1, 2)
        images, tokens, width = x.shape
        x = x.reshape(-1, width)
        for layer in self.layers:
            x, decided = layer(x)
            found.append(decided)
        return Output(self.head(x.reshape(images, tokens * width)), tuple(found))

    def parts(self):
        return {"gate": [layer.gate for layer in self.layers]}

    def set_knobs(self, *, temperature):
        for layer in self.layers:
            layer.temperature.fill_(temperature)

    def forward(self, x):
        return self.routed(x).logits

def build(num_classes):
    return Net(num_classes)
'''
"""16 tokens an image through two layers that route, with a capacity; of 1 × 16 × 16 images."""


def rendered(template: str, *experts: Expert, **choices: Any) -> str:
    """For 1 × 16 × 16 images."""
    return render(
        Candidate(
            template=template,
            template_hash=template_hash(template),
            image_size=16,
            channels=1,
            experts=experts,
            choices=choices,
            recipe=Recipe(),
            task=Task(),
        )
    )


GROWING = rendered("growth", first_bias=2.0)
"""A mixture of two MLPs that can grow."""

DOMAINS = rendered("routing", experts=2, width=4)
"""Two experts for domains on a shared stem."""

PRETRAINED = tuple(
    Expert(
        family=family,
        member=Member(
            model=model,
            args=args,
            weights=Weights(name=f"{model}.none", inputs=ModelInput(image_size=16, crop=0.8)),
        ),
    )
    for family, model, args in (
        ("resnet", "test_resnet", {}),
        ("vit", "test_vit", {"img_size": 16, "patch_size": 8}),
    )
)
"""Members as if pretrained: what they start from is not loaded here."""
TRUNKS = rendered("pretrained", *PRETRAINED)
"""A mixture of two networks with trunks."""
TRUNK = rendered("pretrained", PRETRAINED[0])
"""One of them alone."""

SOURCES = {
    "single": SINGLE,
    "soft": MIXTURE,
    "top1": TOP_1,
    "layers": LAYERS,
    "growing": GROWING,
    "domains": DOMAINS,
    "trunks": TRUNKS,
    "trunk": TRUNK,
}


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
