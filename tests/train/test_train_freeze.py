"""Frozen parts stay as they are, bit for bit, whatever is done to the model around them."""

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas.train.freeze import freeze, is_frozen, thawed_modules, train_only, unfreeze


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(()))
        self.fixed = nn.Parameter(torch.ones(()), requires_grad=False)
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))
        self.heads = nn.ModuleList(
            [nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(144, 3)) for _ in range(2)]
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x) * self.scale
        return self.heads[0](x) + self.heads[1](x)


@pytest.fixture
def model() -> Any:
    torch.manual_seed(0)
    return Model().train()


def steps(model: nn.Module, count: int) -> None:
    """Updates with momentum and decay, `train()` before each."""
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=0.1, weight_decay=0.1)
    for _ in range(count):
        model.train()
        optimizer.zero_grad()
        model(torch.randn(8, 1, 8, 8)).square().mean().backward()
        optimizer.step()


def state(module: nn.Module) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in module.state_dict().items()}


def same(module: nn.Module, before: dict[str, Tensor]) -> bool:
    after = module.state_dict()
    return all(torch.equal(after[name], value) for name, value in before.items())


def test_nothing_of_a_frozen_part_moves(model: Any) -> None:
    train_only(model, [model.heads[1]])
    frozen = {name: state(part) for name, part in model.named_children() if name != "heads"}
    first, trained = state(model.heads[0]), state(model.heads[1])
    steps(model, 50)
    assert same(model.stem, frozen["stem"])
    assert "1.num_batches_tracked" in frozen["stem"]
    assert same(model.heads[0], first)
    assert not same(model.heads[1], trained)
    assert float(model.scale) == 1
    frozen_parameters = [*model.stem.parameters(), *model.heads[0].parameters(), model.scale]
    assert all(p.grad is None and not p.requires_grad for p in frozen_parameters)


def test_without_it_statistics_drift(model: Any) -> None:
    """The control: gradients alone are not enough."""
    model.stem.requires_grad_(False)
    before = state(model.stem)
    steps(model, 50)
    assert torch.equal(model.stem[0].weight, before["0.weight"])
    assert not torch.equal(model.stem[1].running_mean, before["1.running_mean"])


def test_train_passes_a_frozen_part_by(model: Any) -> None:
    train_only(model, [model.heads[1]])
    for _ in range(2):
        model.train()
        assert not any(part.training for part in model.stem.modules())
        assert not any(part.training for part in model.heads[0].modules())
        assert all(part.training for part in model.heads[1].modules())
        assert model.stem.train() is model.stem
    assert is_frozen(model.stem)
    assert not is_frozen(model.stem[1])
    assert not is_frozen(model.heads)
    inside = set(model.stem.modules()) | set(model.heads[0].modules())
    assert set(thawed_modules(model)) == set(model.modules()) - inside


def test_what_trained_before_trains_again(model: Any) -> None:
    grads = {name: p.requires_grad for name, p in model.named_parameters()}
    train_only(model, [model.heads[0]])
    train_only(model, [model.stem])
    assert all(p.requires_grad for p in model.stem.parameters())
    assert not any(p.requires_grad for p in model.heads.parameters())
    unfreeze(model)
    assert {name: p.requires_grad for name, p in model.named_parameters()} == grads
    assert not grads["fixed"]
    assert all(part.training for part in model.train().modules())
    train_only(model, [model])
    assert {name: p.requires_grad for name, p in model.named_parameters()} == grads


def test_a_part_of_a_frozen_part_trains(model: Any) -> None:
    freeze(model)
    freeze(model.stem)
    train_only(model, [model.stem[1]])
    assert [name for name, p in model.named_parameters() if p.requires_grad] == [
        "stem.1.weight",
        "stem.1.bias",
    ]


def test_what_is_shared_trains(model: Any) -> None:
    model.heads[1][2].weight = model.heads[0][2].weight
    train_only(model, [model.heads[0]])
    assert model.heads[1][2].weight.requires_grad
    assert not model.heads[1][2].bias.requires_grad


def test_a_copy_is_as_frozen(model: Any) -> None:
    train_only(model, [model.heads[1]])
    copied = deepcopy(model)
    before = state(copied.stem)
    unfreeze(model)
    steps(model, 2)
    steps(copied, 2)
    assert same(copied.stem, before)
    assert copied.stem.train() is copied.stem
