"""Which parts of shipped networks are timed apart."""

from typing import Any

import pytest
import torch
from render_samples import CNNS, candidate, execute

from nas.compute import Compute
from nas.diagnose.instruments.latency import parts
from nas.render import render

CPU = Compute(torch.device("cpu"))


@pytest.mark.parametrize(
    ("template", "choices", "named"),
    [
        ("heads", {"head": "dense"}, set()),
        ("heads", {"head": "soft"}, {"dense", "gate_head", "experts_head"}),
        ("heads", {"head": "sparse"}, {"dense", "gate_head", "experts_head"}),
        ("heads", {"head": "softmoe"}, {"gate_head", "experts_head"}),
        ("pce", {"experts": 1}, set()),
        ("pce", {}, {f"{part}_moe{n}" for part in ("gate", "experts") for n in range(1, 5)}),
        ("moe4", {"mixing": "top1"}, {"dense", "gate", *(f"expert_{n}" for n in range(4))}),
    ],
)
def test_by_name(template: str, choices: dict[str, Any], named: set[str]) -> None:
    experts = CNNS if template == "moe4" else {}
    small = {} if template == "moe4" else {"width": 8}
    made = candidate(template, experts).with_(choices=small | choices)
    model = execute(render(made)).build(10).eval()
    x = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        found = dict(parts(model, x, CPU))
        for call in found.values():
            call(x)
    assert set(found) == named
