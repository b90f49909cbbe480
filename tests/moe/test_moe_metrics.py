"""Gate entropy. Shapes: B batch, E experts."""

from math import log

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nas.moe import Routing
from nas.moe.metrics.gate_entropy import gate_entropy


def entropy_of(probs: Tensor) -> Tensor:
    return gate_entropy(Routing(weights=probs, probs=probs))


def test_entropy_by_hand() -> None:
    # −½ ln ½ − 2·¼ ln ¼ = ½ ln 2 + ½·2 ln 2 = 1.5 ln 2; a certain gate has none
    probs = torch.tensor([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]])
    torch.testing.assert_close(entropy_of(probs), torch.tensor([1.5 * log(2), 0.0]))


def test_a_certain_gate_has_a_finite_gradient() -> None:
    probs = torch.tensor([[1.0, 0.0]], requires_grad=True)
    (gradient,) = torch.autograd.grad(entropy_of(probs).sum(), probs)
    assert gradient[0, 0].item() == pytest.approx(-1)  # −(ln p + 1)


@given(st.integers(0, 999), st.integers(2, 8))
def test_entropy_lies_between_0_and_ln_e(seed: int, experts: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    probs = (5 * torch.randn(6, experts, generator=generator)).softmax(1)
    assert (entropy_of(probs) >= 0).all()
    assert (entropy_of(probs) <= log(experts) + 1e-6).all()
    even = torch.full((1, experts), 1 / experts)
    assert entropy_of(even).item() == pytest.approx(log(experts))
