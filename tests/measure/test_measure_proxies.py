"""Proxies: what all promise, and numbers worked by hand and on real members."""

import math

import pytest
import timm
import torch
from torch import nn

from nas.measure.figures import figures
from nas.measure.proxies.grad_norm import GradNorm
from nas.measure.proxies.naswot import Naswot
from nas.registry import PROXIES

TWO, LABELS = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 1])


def linear(weight: list[list[float]]) -> nn.Linear:
    layer = nn.Linear(2, len(weight), bias=False)
    layer.weight.data = torch.tensor(weight, dtype=torch.float32)
    return layer


def test_naswot_by_hand() -> None:
    # Units x, y, x+y, −x−y: image 0 switches 1 0 1 0, image 1 switches 0 1 1 0: two of four alike.
    model = nn.Sequential(linear([[1, 0], [0, 1], [1, 1], [-1, -1]]), nn.ReLU())
    assert Naswot().measure(model, TWO, LABELS) == pytest.approx(math.log(4 * 4 - 2 * 2))


def test_images_that_switch_all_units_alike_are_reported_apart_by_none() -> None:
    model = nn.Sequential(linear([[1, 1], [2, 2]]), nn.GELU())
    assert Naswot().measure(model, TWO, LABELS) == -math.inf
    assert math.isnan(Naswot().measure(linear([[1, 0], [0, 1]]), TWO, LABELS))  # no activation
    assert figures(linear([[1, 0], [0, 1]]), TWO, LABELS).keys() == {"grad_norm"}


def test_grad_norm_by_hand() -> None:
    # Logits are zero, so p = ½ each. Of loss −log p, d/dlogits is (p − truth) / 2 an image:
    # rows of the weight's gradient are (−¼, ¼) and (¼, −¼), its norm is ½.
    model = linear([[0, 0], [0, 0]])
    assert GradNorm().measure(model, TWO, LABELS) == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_byobnet", "test_efficientnet"])
def test_real_members_have_all_and_are_left_as_they_were(name: str) -> None:
    torch.manual_seed(0)
    args = {"img_size": 32} if "vit" in name else {}
    model = timm.create_model(name, num_classes=10, **args)
    model.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    images, labels = torch.randn(16, 3, 32, 32), torch.arange(16) % 10
    seed = torch.random.get_rng_state()
    found = figures(model, images, labels)
    assert figures(model, images, labels) == found
    assert torch.equal(torch.random.get_rng_state(), seed)
    after = model.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())
    assert not any(module.training for module in model.modules())
    assert all(p.grad is None and p.requires_grad for p in model.parameters())
    assert found.keys() == set(PROXIES.names()) >= {"grad_norm", "naswot"}
    assert found["grad_norm"] > 0
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_naswot_grows_with_what_a_model_tells_apart() -> None:
    torch.manual_seed(0)
    images, labels = torch.randn(16, 8), torch.arange(16) % 2
    narrow, wide = (
        nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 2)) for width in (8, 512)
    )
    assert Naswot().measure(wide, images, labels) > Naswot().measure(narrow, images, labels)
