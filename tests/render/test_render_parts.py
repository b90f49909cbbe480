"""Which parts of shipped networks are timed apart."""

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from render_samples import CNNS, candidate, execute
from torch import nn

from nas.compute import Compute
from nas.diagnose.instruments.latency import parts
from nas.render import render

CPU = Compute(torch.device("cpu"))
LAYERS = [f"moe{n}" for n in range(1, 5)]


def each(part: str, names: Sequence[str], count: int) -> set[str]:
    """A part of layers, and of each the experts one by one."""
    one_by_one = {f"expert_{name}_{n}" for name in names for n in range(count)}
    return {f"{part}_{name}" for name in names} | one_by_one


def built(template: str, choices: dict[str, Any]) -> nn.Module:
    experts = CNNS if template == "moe4" else {}
    small = {} if template == "moe4" else {"width": 8}
    made = candidate(template, experts).with_(choices=small | choices)
    model: nn.Module = execute(render(made)).build(10).eval()
    return model


PCE_GATES = {f"gate_{name}" for name in LAYERS}
HEAD = each("experts", ["head"], 8)


@pytest.mark.parametrize(
    ("template", "choices", "named"),
    [
        ("heads", {"head": "dense"}, set()),
        ("heads", {"head": "soft"}, {"dense", "gate_head"} | HEAD),
        ("heads", {"head": "sparse"}, {"dense", "gate_head"} | HEAD),
        ("heads", {"head": "softmoe"}, {"gate_head"} | HEAD),
        ("pce", {"experts": 1}, set()),
        ("pce", {"experts": 2}, PCE_GATES | each("experts", LAYERS, 2)),
        ("pce", {}, PCE_GATES | each("experts", LAYERS, 4)),
        ("pce", {"capacity": "none"}, PCE_GATES | each("experts", LAYERS, 4)),
        ("moe4", {"mixing": "top1"}, {"dense", "gate", *(f"expert_{n}" for n in range(4))}),
    ],
)
def test_by_name(template: str, choices: dict[str, Any], named: set[str]) -> None:
    model = built(template, choices)
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        found = dict(parts(model, x, CPU))
        for call in found.values():
            call(x)
    assert set(found) == named


@pytest.mark.parametrize("head", ["soft", "sparse", "softmoe"])
def test_one_head_alone(head: str) -> None:
    calls = dict(parts(built("heads", {"head": head}), torch.randn(3, 3, 32, 32), CPU))
    x = torch.empty(0)
    with torch.no_grad():
        together = calls["experts_head"](x)
        for n, result in enumerate(together):  # type: ignore[arg-type]
            torch.testing.assert_close(calls[f"expert_head_{n}"](x), result)


@pytest.mark.parametrize("choices", [{"experts": 4}, {"experts": 4, "capacity": "none"}])
def test_one_convolutional_expert_alone_has_its_places(choices: dict[str, Any]) -> None:
    calls = dict(parts(built("pce", choices), torch.randn(3, 3, 32, 32), CPU))
    x = torch.empty(0)
    with torch.no_grad():
        together: Any = calls["experts_moe1"](x)
        for n, result in enumerate(together.chunk(4, dim=1)):
            torch.testing.assert_close(calls[f"expert_moe1_{n}"](x), result)


def test_one_convolutional_expert_alone_has_its_tokens() -> None:
    """Without a capacity, where empty places cost more than calls."""
    model: Any = built("pce", {"experts": 4, "capacity": "none"})
    type(model.blocks[0].experts).faster_at_once = lambda *_: False
    x = torch.randn(3, 3, 32, 32)
    calls = dict(parts(model, x, CPU))
    assert set(calls) == PCE_GATES | each("experts", LAYERS, 4)
    with torch.no_grad():
        chosen = model.routed(x).layers[0].chosen
        together: Any = calls["experts_moe1"](x)
        for n in range(4):
            alone: Any = calls[f"expert_moe1_{n}"](x)
            torch.testing.assert_close(alone, together[chosen[:, n]])


def test_one_of_two_with_room_for_all_runs_on_all_tokens() -> None:
    model: Any = built("pce", {"experts": 2})
    x = torch.randn(3, 3, 32, 32)
    calls = dict(parts(model, x, CPU))
    with torch.no_grad():
        chosen = model.routed(x).layers[0].chosen
        alone: list[Any] = [calls[f"expert_moe1_{n}"](x) for n in range(2)]
        together: Any = calls["experts_moe1"](x)
    assert 0 < chosen[:, 0].sum() < len(chosen)
    expected = torch.where(chosen[:, :1, None, None], *alone)
    torch.testing.assert_close(together, expected)
