"""The loss along lines through the weights."""

import pytest
import torch
from diagnose_samples import SOURCES
from torch import nn
from torch.nn import functional

from nas.compute import Compute
from nas.data.batches import Data
from nas.diagnose.hessian import Batches, hessian, leading, subset
from nas.diagnose.instruments.base import NotApplicable, Subject
from nas.diagnose.instruments.surface import LossSurface, filter_normalised, losses, shaped
from nas.train import load_model

CPU = Compute(torch.device("cpu"))


@pytest.fixture
def plain() -> nn.Module:
    torch.manual_seed(0)
    return load_model(SOURCES["plain"], 10).eval()


def drawn(data: Data) -> Batches:
    return subset(data.train, LossSurface.IMAGES, CPU, batch_size=32, seed=5)


def test_along_a_line(plain: nn.Module, few: Data) -> None:
    batches = drawn(few)
    direction = {name: torch.ones_like(p) for name, p in plain.named_parameters()}
    before = {name: p.clone() for name, p in plain.named_parameters()}
    found = losses(plain, batches, direction, (-0.1, 0.0, 0.2))
    assert all(torch.equal(before[name], p) for name, p in plain.named_parameters())
    x, y = (torch.cat(each) for each in zip(*batches, strict=True))
    with torch.no_grad():
        for alpha, loss in zip((-0.1, 0.0, 0.2), found, strict=True):
            for name, p in plain.named_parameters():
                p.copy_(before[name] + alpha)
            assert loss == pytest.approx(functional.cross_entropy(plain(x), y).item(), rel=1e-5)


def test_the_top_eigenvector_s_losses_curve_by_its_eigenvalue(plain: nn.Module, few: Data) -> None:
    batches = [(x.double(), y) for x, y in drawn(few)]
    plain.double()
    top = leading(hessian(plain, batches), 1, tolerance=1e-9, limit=400, seed=0)
    direction = shaped(torch.from_numpy(top.vectors[:, 0].copy()), plain)
    h = 1e-3
    low, middle, high = losses(plain, batches, direction, (-h, 0.0, h))
    assert (low - 2 * middle + high) / h**2 == pytest.approx(top.values[0], rel=1e-3)


def test_a_random_direction_s_filters_are_as_long_as_the_model_s(plain: nn.Module) -> None:
    direction = filter_normalised(plain, seed=3)
    assert list(direction) == ["0.weight", "5.weight"], "no biases, nothing of BatchNorm"
    for name, step in direction.items():
        parameter = plain.get_parameter(name)
        assert step.shape == parameter.shape
        for row, same in zip(step, parameter, strict=True):
            assert row.norm().item() == pytest.approx(same.norm().item(), rel=1e-5)
    again, other = filter_normalised(plain, seed=3), filter_normalised(plain, seed=4)
    assert torch.equal(direction["5.weight"], again["5.weight"])
    assert not torch.equal(direction["5.weight"], other["5.weight"])


def test_frozen_parameters_and_filters_of_zeros_stay(plain: nn.Module) -> None:
    plain.get_parameter("0.weight").requires_grad_(False)
    with torch.no_grad():
        plain.get_parameter("5.weight")[2] = 0
    direction = filter_normalised(plain, seed=3)
    assert list(direction) == ["5.weight"]
    assert not direction["5.weight"][2].any()
    assert "0.weight" not in shaped(torch.zeros(5218 - 72), plain)


def test_figures(plain: nn.Module, few: Data) -> None:
    found = LossSurface().examine(
        Subject(model=plain, data=few, compute=CPU, batch_size=32, seed=5)
    )
    assert not isinstance(found, NotApplicable)
    for line, end in (("eigenvector", 0.5), ("random", 1.0)):
        alphas = found[f"{line}_alphas"]
        assert alphas == pytest.approx([end * (n - 10) / 10 for n in range(21)])
        assert isinstance(alphas, tuple)
        assert alphas[10] == 0.0
        for split in ("train", "test"):
            along = found[f"{split}.{line}_losses"]
            assert isinstance(along, tuple)
            assert len(along) == 21
            # Both lines meet at the trained weights.
            assert along[10] == found[f"{split}.random_losses"][10]  # type: ignore[index]
    plane, sides = found["train.plane_losses"], found["plane_alphas"]
    assert sides == pytest.approx([n / 4 - 1 for n in range(9)])
    assert isinstance(plane, tuple)
    assert len(plane) == 81
    # At β = 0 it is the random line; α = −1, −0.5 and 0 are points of both.
    middle = plane[4::9]
    line = found["train.random_losses"]
    assert isinstance(line, tuple)
    assert (middle[0], middle[2], middle[4]) == pytest.approx((line[0], line[5], line[10]))
    assert plane[40] == pytest.approx(line[10])
    assert plane[4 * 9] != pytest.approx(plane[4], rel=1e-3), "the directions differ"
    assert found["eigenvector_residual"] <= LossSurface.TOLERANCE  # type: ignore[operator]
