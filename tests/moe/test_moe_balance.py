"""The load-balancing loss. Shapes: B batch, E experts."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from routings import hard, random_probs
from torch import Tensor

from nas.moe import Routing
from nas.moe.losses.balance import balance


def top_k(probs: Tensor, k: int) -> Tensor:
    """Mixing weights of a top-k mixture."""
    values, experts = probs.topk(k, dim=1)
    return torch.zeros_like(probs).scatter(1, experts, values / values.sum(1, keepdim=True))


def balance_of(weights: Tensor, probs: Tensor) -> Tensor:
    return balance(Routing("gate", probs.log(), probs, weights, weights > 0, weights > 0))


SHAPES = st.tuples(st.integers(0, 999), st.integers(1, 12), st.integers(2, 6))


def test_a_soft_mixture_by_hand() -> None:
    # P = ((.5+.1)/2, (.3+.3)/2, (.2+.6)/2) = (.3, .3, .4); 3·(.09+.09+.16) = 1.02
    probs = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.3, 0.6]])
    assert balance_of(probs, probs).item() == pytest.approx(1.02)


def test_top_1_by_hand() -> None:
    # chosen: experts 0, 2 → f = (½, 0, ½); P = (.3, .3, .4); 3·(.15 + 0 + .2) = 1.05
    probs = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.3, 0.6]])
    assert balance_of(top_k(probs, 1), probs).item() == pytest.approx(1.05)


def test_top_2_by_hand() -> None:
    # chosen: {0, 1}, {1, 2} → 4 slots, f = (¼, ½, ¼); 3·(.3/4 + .3/2 + .4/4) = .975
    probs = torch.tensor([[0.5, 0.3, 0.2], [0.1, 0.3, 0.6]])
    assert balance_of(top_k(probs, 2), probs).item() == pytest.approx(0.975)


@pytest.mark.parametrize("experts", [2, 4, 7])
def test_balanced_is_1_and_collapsed_is_the_number_of_experts(experts: int) -> None:
    even = torch.full((experts, experts), 1 / experts)
    assert balance_of(even, even).item() == pytest.approx(1)
    assert balance_of(torch.eye(experts), even).item() == pytest.approx(1)  # top-1, balanced
    one = torch.zeros(experts, experts)
    one[:, 0] = 1
    assert balance_of(one, one).item() == pytest.approx(experts)


@given(SHAPES)
def test_soft_loss_is_1_plus_the_squared_coefficient_of_variation(
    shape: tuple[int, int, int],
) -> None:
    probs = random_probs(*shape)
    mean = probs.mean(0)
    expected = 1 + (mean.std(correction=0) / mean.mean()) ** 2
    assert balance_of(probs, probs).item() == pytest.approx(expected.item())
    assert 1 - 1e-9 <= balance_of(probs, probs).item() <= shape[2]


@given(SHAPES, st.randoms(use_true_random=False))
def test_the_order_of_images_and_of_experts_is_irrelevant(
    shape: tuple[int, int, int], random: "st.randoms"
) -> None:
    probs = random_probs(*shape)
    rows, columns = list(range(shape[1])), list(range(shape[2]))
    random.shuffle(rows)
    random.shuffle(columns)
    moved = probs[rows][:, columns]
    for k in (1, shape[2]):
        before = balance_of(top_k(probs, k), probs).item()
        assert balance_of(top_k(moved, k), moved).item() == pytest.approx(before)


@given(SHAPES)
def test_top_k_of_all_experts_is_the_soft_loss(shape: tuple[int, int, int]) -> None:
    probs = random_probs(*shape)
    everything = balance_of(top_k(probs, shape[2]), probs)
    assert everything.item() == pytest.approx(balance_of(probs, probs).item())


@pytest.mark.parametrize("k", [1, 2, 4])
def test_descending_the_gradient_balances_the_gate(k: int) -> None:
    # The published campaign's loss was taken of detached weights: it had no gradient at all.
    bias = torch.tensor([2.0, 0.0, -1.0, 0.5], requires_grad=True)
    noise = torch.randn(256, 4, generator=torch.Generator().manual_seed(0))
    losses = []
    for _ in range(60):
        probs = (bias + noise).softmax(1)
        loss = balance_of(probs if k == 4 else top_k(probs, k), probs)
        losses.append(loss.item())
        (gradient,) = torch.autograd.grad(loss, bias)
        assert gradient.abs().max() > 0
        bias = (bias - 1.0 * gradient).detach().requires_grad_()
    assert losses[0] > 1.4
    assert losses[-1] < 1.05


def test_choices_count_whether_they_had_room_or_not() -> None:
    # Ten tokens choose expert 0, which keeps one: collapsed all the same.
    tokens = [(0, token == 0) for token in range(10)]
    assert balance(hard(*tokens, experts=4)).item() == pytest.approx(4)
