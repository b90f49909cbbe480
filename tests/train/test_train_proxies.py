"""Zero-cost proxies, against numbers worked by hand and on real members."""

import math

import pytest
import timm
import torch
from torch import nn

from nas.train.proxies import grad_norm, naswot, proxies

TWO = torch.tensor([[1.0, 0.0], [0.0, 1.0]])


def linear(weight: list[list[float]]) -> nn.Linear:
    layer = nn.Linear(2, len(weight), bias=False)
    layer.weight.data = torch.tensor(weight, dtype=torch.float32)
    return layer


def test_naswot_by_hand() -> None:
    # Units x, y, x+y, −x−y: image 0 switches 1 0 1 0, image 1 switches 0 1 1 0: two of four alike.
    model = nn.Sequential(linear([[1, 0], [0, 1], [1, 1], [-1, -1]]), nn.ReLU())
    assert naswot(model, TWO) == pytest.approx(math.log(4 * 4 - 2 * 2))


def test_images_that_switch_all_units_alike_are_reported_apart_by_none() -> None:
    model = nn.Sequential(linear([[1, 1], [2, 2]]), nn.GELU())
    assert naswot(model, TWO) == -math.inf
    assert math.isnan(naswot(linear([[1, 0], [0, 1]]), TWO))  # no activation
    assert proxies(linear([[1, 0], [0, 1]]), TWO, torch.tensor([0, 1])).keys() == {"grad_norm"}


def test_grad_norm_by_hand() -> None:
    # Logits are zero, so p = ½ each. Of loss −log p, d/dlogits is (p − truth) / 2 an image:
    # rows of the weight's gradient are (−¼, ¼) and (¼, −¼), its norm is ½.
    model = linear([[0, 0], [0, 0]])
    assert grad_norm(model, TWO, torch.tensor([0, 1])) == pytest.approx(0.5)
    assert model.weight.grad is None


@pytest.mark.parametrize("name", ["test_resnet", "test_vit", "test_byobnet", "test_efficientnet"])
def test_real_members_have_both_and_keep_no_hook(name: str) -> None:
    torch.manual_seed(0)
    args = {"img_size": 32} if "vit" in name else {}
    model = timm.create_model(name, num_classes=10, **args)
    found = proxies(model, torch.randn(16, 3, 32, 32), torch.arange(16) % 10)
    assert found.keys() == {"grad_norm", "naswot"}
    assert found["grad_norm"] > 0
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_naswot_grows_with_what_a_model_tells_apart() -> None:
    torch.manual_seed(0)
    images = torch.randn(16, 8)
    narrow, wide = (
        nn.Sequential(nn.Linear(8, width), nn.ReLU(), nn.Linear(width, 2)) for width in (8, 512)
    )
    assert naswot(wide, images) > naswot(narrow, images)
