"""Frozen parts, while training goes on around them."""

from copy import deepcopy
from itertools import islice
from typing import ClassVar, NamedTuple

import pytest
import torch
from diagnose_samples import SOURCES
from torch import Tensor, nn

from nas.compute import Compute
from nas.data.batches import Data, Preparation, TensorSplit
from nas.diagnose.instruments.base import NotApplicable, Subject
from nas.diagnose.instruments.drift import (
    FrozenDrift,
    frozen_tensors,
    largest,
    trained_parts,
)
from nas.train import load_model

CPU = Compute(torch.device("cpu"))
BUFFERS = ("running_mean", "running_var", "num_batches_tracked")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FrozenDrift, "STEPS", 4)


def subject(model: nn.Module, data: Data) -> Subject:
    return Subject(model=model.eval(), data=data, compute=CPU, batch_size=32, seed=5)


def found(model: nn.Module, data: Data) -> dict[str, float | tuple[float, ...]]:
    figures = FrozenDrift().examine(subject(model, data))
    assert not isinstance(figures, NotApplicable)
    return dict(figures)


def built(source: str) -> nn.Module:
    torch.manual_seed(0)
    return load_model(SOURCES[source], 10)


class Output(NamedTuple):
    logits: Tensor
    weights: Tensor
    probs: Tensor
    gate_logits: Tensor
    expert_logits: Tensor


class Gate(nn.Module):
    """With BatchNorm of its own, which may drift."""

    seen: ClassVar[list[Tensor]] = []
    """Its weights in each step of training."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.linear = nn.BatchNorm2d(1), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            self.seen.append(self.linear.weight.detach().clone())
        out: Tensor = self.linear(self.norm(x).flatten(1))
        return out


class Sign(nn.Module):
    """Class 1 where the image is positive; with BatchNorm, compared to its mean."""

    def __init__(self, norm: nn.Module) -> None:
        super().__init__()
        self.norm = norm

    def forward(self, x: Tensor) -> Tensor:
        z = self.norm(x).flatten(1).mean(dim=1)
        return torch.stack([-z, z], dim=1)


class Signs(nn.Module):
    def __init__(self, *norms: nn.Module) -> None:
        super().__init__()
        self.experts = nn.ModuleList(map(Sign, norms))
        self.gate = Gate()

    def mixture(self, x: Tensor) -> Output:
        gate_logits = self.gate(x)
        probs = gate_logits.softmax(dim=1)
        expert_logits = torch.stack([expert(x) for expert in self.experts], dim=1)
        logits = (probs.unsqueeze(2) * expert_logits).sum(dim=1)
        return Output(logits, probs, probs, gate_logits, expert_logits)

    def forward(self, x: Tensor) -> Tensor:
        return self.mixture(x).logits


@pytest.fixture
def shifted() -> Data:
    """Validation images of 0 and 200, which are −1 and 1; training images of 250, which are 1.5."""
    prepare = Preparation(2, torch.full((1, 1, 1, 1), 100 / 255), torch.tensor(100 / 255), False)
    values = torch.tensor([0, 200] * 8, dtype=torch.uint8)
    mixed = values.reshape(-1, 1, 1, 1).expand(-1, 1, 2, 2).contiguous()
    labels = torch.tensor([0, 1] * 8)
    train = TensorSplit(torch.full_like(mixed, 250), labels, prepare)
    val = TensorSplit(mixed, labels, prepare)
    return Data(train, val, val, ("low", "high"), (100 / 255,), (100 / 255,))


def test_unguarded_statistics_do_harm(shifted: Data) -> None:
    """The running mean goes from 0 to 1.5 (momentum 1), and positive images are below it."""
    torch.manual_seed(0)
    norm = nn.BatchNorm2d(1, momentum=1.0, affine=False, eps=1e-3)
    figures = found(Signs(norm, nn.Identity()), shifted)
    deviation = (1 + 1e-3) ** 0.5  # the old one
    assert figures.pop("unguarded.largest") == pytest.approx(1.5 / deviation, rel=1e-5)
    # The new deviation is small, so the mixture follows the expert that drifted.
    assert figures == {
        "tensors": 3,
        "buffers": 3,
        "guarded.changed": 0,
        "guarded.largest": 0,
        "guarded.points": 0,
        "guarded.expert_points": (0, 0),
        "unguarded.changed": 3,
        "unguarded.points": -50,
        "unguarded.expert_points": (-50, 0),
    }


def test_what_the_gate_learns_is_put_back(shifted: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    """However far the gate goes. Nothing frozen has buffers, so there is nothing to tell."""
    monkeypatch.setattr(FrozenDrift, "RATE", 10.0)
    monkeypatch.setattr(Gate, "seen", [])
    model = Signs(nn.Identity(), nn.Conv2d(1, 1, 1))
    given = subject(model, shifted)
    why = NotApplicable("it has no buffers that training moves")
    assert FrozenDrift().examine(given) == why
    copied = FrozenDrift()._trained(given, guarded=False)
    for name, value in model.state_dict().items():
        assert torch.equal(copied.state_dict()[name], value), name
    del Gate.seen[8:]
    first, second = Gate.seen[:4], Gate.seen[4:]
    assert len(second) == 4
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
    assert torch.equal(first[0], model.gate.linear.weight)
    assert not torch.equal(first[0], first[1])


def test_a_mixture_s_experts(few: Data) -> None:
    model = built("soft")
    figures = found(model, few)
    assert figures["tensors"] == 3 * 8
    assert figures["unguarded.changed"] == 3 * len(BUFFERS)
    assert (
        figures["guarded.changed"] == figures["guarded.points"] == figures["guarded.largest"] == 0
    )
    # The same batches through a copy whose gate does not train.
    copied = deepcopy(model).train()
    generator = torch.Generator().manual_seed(5)
    with torch.no_grad():
        for x, _ in islice(few.train.batches(16, generator=generator), 4):
            copied(CPU.images(x))
    deviations = []
    for old, new in zip(model.experts, copied.experts, strict=True):  # type: ignore[arg-type]
        change = (new[1].running_mean - old[1].running_mean).abs()
        deviations += (change / (old[1].running_var + old[1].eps).sqrt()).tolist()
    assert figures["unguarded.largest"] == pytest.approx(max(deviations), rel=1e-5)


def test_of_a_network_of_layers_all_but_the_routers_is_frozen(few: Data) -> None:
    model = built("layers")
    figures = found(model, few)
    routers = 2 * 2
    assert figures["tensors"] == len(model.state_dict()) - routers
    assert figures["unguarded.changed"] == len(BUFFERS)
    assert not any("expert_points" in name for name in figures)


def test_of_a_plain_network_the_last_layer_trains(few: Data) -> None:
    model = built("plain")
    [last] = trained_parts(model)
    assert last is model[-1]  # type: ignore[index]
    figures = found(model, few)
    assert (figures["tensors"], figures["unguarded.changed"]) == (6, len(BUFFERS))
    assert figures["guarded.changed"] == 0


def test_a_pass_that_changes_a_buffer_of_its_own_is_found(shifted: Data) -> None:
    class Counting(Signs):
        calls: Tensor

        def __init__(self) -> None:
            super().__init__(nn.Identity(), nn.Identity())
            self.register_buffer("calls", torch.zeros(()))

        def mixture(self, x: Tensor) -> Output:
            if self.training:
                self.calls += 1
            return super().mixture(x)

    figures = found(Counting(), shifted)
    assert (figures["guarded.changed"], figures["unguarded.changed"]) == (1, 1)


def test_the_largest_change_by_hand() -> None:
    def norms() -> nn.Module:
        return nn.Sequential(nn.BatchNorm2d(2, eps=1.0), nn.BatchNorm2d(1, eps=0.0))

    old, new = norms(), norms()
    old.load_state_dict(
        {
            "0.running_mean": torch.tensor([1.0, 5.0]),
            "0.running_var": torch.tensor([3.0, 8.0]),
            "1.running_mean": torch.tensor([0.0]),
            "1.running_var": torch.tensor([0.25]),
        },
        strict=False,
    )
    new.load_state_dict(
        {
            "0.running_mean": torch.tensor([4.0, -1.0]),
            "0.running_var": torch.tensor([100.0, 100.0]),
            "1.running_mean": torch.tensor([0.5]),
        },
        strict=False,
    )
    # 3/√4, 6/√9 and .5/√.25
    assert largest(frozen_tensors(old, []), new) == 2.0
    assert largest(frozen_tensors(old, [old[0]]), new) == 1.0  # type: ignore[index]
    assert largest({}, new) == 0.0


def test_why_it_does_not_apply(few: Data) -> None:
    nothing = NotApplicable("it has no gate, or last module, that trains")
    fixed = Signs(nn.Identity(), nn.Identity())
    fixed.gate.requires_grad_(False)
    for model in (nn.Flatten(), fixed):
        assert FrozenDrift().examine(subject(model, few)) == nothing
    alone = nn.Sequential(nn.Flatten(), nn.Linear(256, 10))
    assert FrozenDrift().examine(subject(alone, few)) == NotApplicable("it has no other part")
