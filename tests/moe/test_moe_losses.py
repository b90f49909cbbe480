"""Auxiliary losses, by hand. Shapes: N tokens, E experts."""

from math import erf, log, sqrt

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from routings import hard, random_probs, routing

from nas.faults import BuildError
from nas.moe import Routing, loss
from nas.registry import LOSSES

SHAPES = st.tuples(st.integers(0, 999), st.integers(2, 12), st.integers(2, 6))


def noisy(clean: torch.Tensor, noise: torch.Tensor, scale: torch.Tensor, k: int) -> Routing:
    logits = clean + noise
    chosen = torch.zeros_like(logits, dtype=torch.bool)
    chosen = chosen.scatter(1, logits.topk(k, dim=1).indices, True)
    weights = (logits.softmax(1) * chosen) / (logits.softmax(1) * chosen).sum(1, keepdim=True)
    return Routing("gate", logits, logits.softmax(1), weights, chosen, chosen, None, clean, scale)


class TestEveryLoss:
    """What each owes training."""

    @pytest.mark.parametrize("name", LOSSES.names())
    def test_a_finite_scalar_with_a_gradient_to_the_gate(self, name: str) -> None:
        torch.manual_seed(0)
        clean = torch.randn(8, 4, requires_grad=True)
        value = loss(name)(noisy(clean, 0.1 * torch.randn(8, 4), torch.full((8, 4), 0.1), k=2))
        assert value.shape == ()
        assert value >= 0
        (gradient,) = torch.autograd.grad(value, clean)
        assert gradient.isfinite().all()
        assert gradient.abs().sum() > 0

    @pytest.mark.parametrize("name", LOSSES.names())
    def test_the_order_of_tokens_is_irrelevant(self, name: str) -> None:
        torch.manual_seed(0)
        clean, noise, scale = torch.randn(8, 4), torch.randn(8, 4), torch.rand(8, 4) + 0.1
        moved = torch.randperm(8)
        before = loss(name)(noisy(clean, noise, scale, k=2))
        after = loss(name)(noisy(clean[moved], noise[moved], scale[moved], k=2))
        torch.testing.assert_close(before, after)

    @pytest.mark.parametrize("name", LOSSES.names())
    def test_a_router_that_is_sure_of_one_expert_has_a_finite_gradient(self, name: str) -> None:
        gap = 200.0  # at which probabilities underflow
        clean = torch.tensor([[gap, 0.0, 0.0], [gap, 0.0, 0.0]], requires_grad=True)
        value = loss(name)(noisy(clean, torch.zeros(2, 3), torch.full((2, 3), 0.1), k=1))
        (gradient,) = torch.autograd.grad(value, clean)
        assert gradient.isfinite().all()


@pytest.mark.parametrize("experts", [2, 4, 8])
def test_zero_logits(experts: int) -> None:
    even = torch.zeros(5, experts).softmax(1)
    zero = Routing("gate", torch.zeros(5, experts), even, even, even > 0, even > 0)
    assert loss("z")(zero).item() == pytest.approx(log(experts) ** 2)
    assert loss("diversity")(zero).item() == pytest.approx(1 - 1 / experts)
    assert loss("entropy")(zero).item() == pytest.approx(0, abs=1e-6)
    assert loss("kl")(zero).item() == pytest.approx(0, abs=1e-6)
    assert loss("importance")(zero).item() == pytest.approx(0, abs=1e-6)


def test_z_by_hand() -> None:
    # logsumexp(ln 1, ln 3) = ln 4, logsumexp(ln 2, ln 2) = ln 4
    logits = torch.tensor([[1.0, 3.0], [2.0, 2.0]]).log()
    assert loss("z")(
        Routing.dense("gate", logits, logits.softmax(1), logits.softmax(1))
    ).item() == pytest.approx(log(4) ** 2)


def test_diversity_by_hand() -> None:
    # Columns (.8, .6) and (.6, .8), both of length 1, have the cosine .96: (2·.96²)/4.
    probs = torch.tensor([[0.8, 0.6], [0.6, 0.8]])
    found = loss("diversity")(Routing("gate", probs.log(), probs, probs, probs > 0, probs > 0))
    assert found.item() == pytest.approx(0.96**2 / 2)


def test_diversity_rewards_collapse_as_the_source_s_does() -> None:
    """(E−1)/E² of a router that sends everything to one expert, below 1 − 1/E when uniform."""
    one = torch.full((6, 4), 1e-12, dtype=torch.float64)
    one[:, 0] = 1.0
    # Columns of tiny equal probabilities are parallel too, so all cosines are 1: as uniform.
    assert loss("diversity")(routing(one)).item() == pytest.approx(0.75)
    none = hard(*[(0, True)] * 6, experts=4)  # columns of exact zeros have no direction
    # C = diag(1, 0, 0, 0): three diagonal entries miss their 1.
    assert loss("diversity")(none).item() == pytest.approx(3 / 16)


def test_entropy_is_of_tokens_and_kl_of_the_batch() -> None:
    # Two tokens, each sure of another expert: no entropy in any, balanced as a batch.
    sure = hard((0, True), (1, True), experts=2)
    assert loss("entropy")(sure).item() == pytest.approx(log(2))
    assert loss("kl")(sure).item() == pytest.approx(0, abs=1e-6)
    collapsed = hard((0, True), (0, True), experts=2)
    assert loss("kl")(collapsed).item() == pytest.approx(log(2))


def test_kl_is_not_reversed() -> None:
    # P = (3/4, 1/4): Σ P ln(2 P) = .75 ln 1.5 + .25 ln .5; reversed it were .1438.
    probs = torch.tensor([[0.75, 0.25]])
    assert loss("kl")(routing(probs)).item() == pytest.approx(0.75 * log(1.5) + 0.25 * log(0.5))
    assert loss("kl")(routing(probs)).item() == pytest.approx(0.1308, abs=1e-4)


def test_importance_by_hand() -> None:
    # Sums (1.5, .5): mean 1, variance .25.
    weights = torch.tensor([[0.75, 0.25], [0.75, 0.25]])
    assert loss("importance")(routing(weights)).item() == pytest.approx(0.25)


class TestLoad:
    def test_by_hand(self) -> None:
        # Noisy logits (2, 1): expert 0 is chosen. To stay, its logit must exceed 1; to be chosen,
        # expert 1's must exceed 2. Clean (2, 1), noise scale 1: Φ(1) = .8413 and Φ(−1) = .1587.
        clean = torch.tensor([[2.0, 1.0]])
        found = loss("load")(noisy(clean, torch.zeros(1, 2), torch.ones(1, 2), k=1))
        phi = 0.5 * (1 + erf(1 / sqrt(2)))
        variance = (phi - 0.5) ** 2  # around the mean ½ of (Φ, 1 − Φ)
        assert found.item() == pytest.approx(variance / 0.25)

    def test_it_is_not_the_importance_loss(self) -> None:
        """Equal numbers of tokens, unequal weights."""
        clean = torch.tensor([[4.0, 0.0], [0.0, 0.1]])
        routing = noisy(clean, torch.zeros(2, 2), torch.full((2, 2), 0.01), k=1)
        even = noisy(clean, torch.zeros(2, 2), torch.full((2, 2), 0.01), k=2)
        assert loss("load")(routing).item() == pytest.approx(0, abs=1e-6)
        assert loss("load")(even).item() == pytest.approx(0, abs=1e-6)
        assert loss("importance")(even).item() > 0.1

    def test_all_experts_chosen_is_balanced(self) -> None:
        clean = torch.randn(5, 3, generator=torch.Generator().manual_seed(0))
        found = loss("load")(noisy(clean, torch.zeros(5, 3), torch.ones(5, 3), k=3))
        assert found.item() == pytest.approx(0, abs=1e-6)

    def test_a_gate_without_noise_of_its_own(self) -> None:
        with pytest.raises(BuildError, match="needs a gate that learns"):
            loss("load")(routing(torch.tensor([[0.5, 0.5]])))


@given(SHAPES)
def test_bounds(shape: tuple[int, int, int]) -> None:
    probs, experts = random_probs(*shape), shape[2]
    assert 0 <= loss("entropy")(routing(probs)).item() <= log(experts) + 1e-9
    assert -1e-9 <= loss("kl")(routing(probs)).item() <= log(experts) + 1e-9
    assert 0 <= loss("diversity")(routing(probs)).item() <= 1
    assert -1e-9 <= loss("importance")(routing(probs)).item() <= experts - 1 + 1e-6
