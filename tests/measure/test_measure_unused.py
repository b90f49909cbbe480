"""Arithmetic spent on experts' places that no token takes."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nas.measure.gate import overhead
from nas.measure.unused import unused_macs
from nas.moe.routing import Routing
from nas.schema import ProblemError


class Layered(nn.Module):
    """Four tokens of width 3, and two layers with 8 and 6 places of an expert of 3 × 5 weights;
    the tokens choose one expert each in the first layer, two in the second."""

    def __init__(self, named: int = 2) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(3, 5, bias=False), nn.Linear(3, 5, bias=False)
        self.named = named

    def parts(self) -> dict[str, list[nn.Module]]:
        return {"gate": [], "experts": [self.first, self.second][: self.named]}

    def routed(self, x: Tensor) -> Any:
        self.first(x.new_zeros(8, 3)), self.second(x.new_zeros(6, 3))
        probs = torch.full((4, 2), 0.5)
        one = torch.tensor([[True, False]] * 4)
        both = torch.ones(4, 2, dtype=torch.bool)
        layers = (
            Routing("one", probs, probs, probs, one, one, slots=8),
            Routing("two", probs, probs, probs, both, both, slots=6),
        )
        return type("Output", (), {"logits": x, "layers": layers, "expert_logits": None})


def test_places_beyond_the_tokens_that_chose() -> None:
    # First layer: 8 places for 4 tokens, 4 · 15 wasted. Second: 6 places for 8 choices: two are
    # dropped, and would have taken 2 · 15 more.
    assert unused_macs(Layered(), torch.zeros(1, 1)) == 4 * 15 - 2 * 15


def test_unknown_where_a_layer_s_experts_are_not_named() -> None:
    assert unused_macs(Layered(named=1), torch.zeros(1, 1)) is None


def test_a_network_that_does_not_route_wastes_nothing() -> None:
    assert unused_macs(nn.Linear(3, 5), torch.zeros(1, 3)) == 0


def test_a_model_that_fails_on_numbers_is_a_problem() -> None:
    code = (
        "import torch\n"
        "class Model(torch.nn.Module):\n"
        "    def forward(self, x):\n"
        "        return x\n"
        "    def routed(self, x):\n"
        "        raise RuntimeError('no routes')\n"
        "    def parts(self):\n"
        "        return {'gate': []}\n"
        "def build(num_classes):\n"
        "    return Model()\n"
    )
    with pytest.raises(ProblemError, match="the model does not run: RuntimeError: no routes"):
        overhead(code, 32, 3, 10)
