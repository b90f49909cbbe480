"""MACs that a network's tokens need, beside those that are executed."""

from typing import Any

import pytest
import torch
from render_samples import candidate, execute

from nas.measure.gate import overhead
from nas.render import render


@pytest.mark.parametrize("experts", [4, 8, 16])
def test_active_macs_of_the_published_network(experts: int) -> None:
    """Those of one expert on each of 49 tokens a layer, and the routers'; twice the experts' are
    executed at capacity factor 2, and a little more where 2 · 49/E is rounded up."""
    choices = {"stem": "large", "width": 64, "patch": 16, "stages": 4, "experts": experts}
    code = render(candidate("pce", {}).with_(image_size=224, choices=choices))
    found = overhead(code, 224, 3, 200)
    assert found.active_macs == 9_212_416_000 + 109_172 * experts
    places = experts * -(-2 * 49 // experts)
    assert found.macs == found.active_macs + 4_624_220_160 * (places - 49) // 49


@pytest.mark.parametrize("choices", [{"experts": 1}, {"network": "resnet18"}])
def test_without_places_all_are_active(choices: dict[str, Any]) -> None:
    found = overhead(render(candidate("pce", {}).with_(choices={"width": 8} | choices)), 32, 3, 10)
    assert found.active_macs == found.macs > 0


def test_without_a_capacity_small_networks_have_places_too() -> None:
    """As many as the busiest expert needs, where an empty one costs less than a call."""
    code = render(candidate("pce", {}).with_(choices={"width": 8, "capacity": "none"}))
    dense = render(candidate("pce", {}).with_(choices={"width": 8, "experts": 1}))
    found = overhead(code, 32, 3, 10)
    routers = 16 * 4 * sum(2 * (c + 18) for c in (8, 8, 16, 32))
    assert found.active_macs == overhead(dense, 32, 3, 10).macs + routers
    assert found.macs > found.active_macs


@pytest.mark.parametrize("head", ["dense", "soft", "softmoe", "sparse"])
def test_all_of_a_head_is_active(head: str) -> None:
    choices = {"head": head, "width": 8}
    found = overhead(render(candidate("heads", {}).with_(choices=choices)), 32, 3, 10)
    assert found.active_macs == found.macs > 0


def test_not_known_of_a_gate_alone() -> None:
    assert overhead(render(candidate("moe4")), 32, 3).active_macs is None


def test_keeps_the_random_state() -> None:
    code = render(candidate("pce", {}).with_(choices={"width": 8}))
    torch.manual_seed(3)
    expected = torch.rand(3)
    torch.manual_seed(3)
    overhead(code, 32, 3, 10)
    assert torch.equal(torch.rand(3), expected)
    assert execute(code).build(10).training
