"""Metrics of routing, by hand. Shapes: N tokens, E experts."""

from math import log

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from routings import hard, measured, random_probs, routing

from nas.moe import RoutingMeter, RoutingTotals, all_metrics


def totals(*kept: int, dropped: int = 0, slots: int | None = None) -> RoutingTotals:
    """Of a top-1 layer whose experts kept so many tokens; the dropped ones chose the first."""
    chosen = (kept[0] + dropped, *kept[1:])
    every = tuple(map(float, kept))
    probs = tuple(map(float, chosen))
    return RoutingTotals(sum(chosen), 0.0, probs, every, probs, every, slots)


def metric(name: str, of: RoutingTotals) -> float | None:
    value = all_metrics()[name](of)
    assert not isinstance(value, tuple)
    return value


def test_the_seven_metrics_of_positional_convolution_experts() -> None:
    assert {
        *("spec_entropy", "entropy_norm", "imbalance", "drop_rate"),
        *("cap_ratio", "dead", "active"),
    } <= set(all_metrics())


def test_counts_by_hand() -> None:
    # q = (37, 1, 1, 1)/40: H = −.925 ln .925 − 3·.025 ln .025 = .3488; over ln 4 .252
    found = totals(37, 1, 1, 1)
    assert metric("imbalance", found) == pytest.approx(37.0)
    assert metric("entropy_norm", found) == pytest.approx(0.252, abs=5e-4)
    assert metric("dead", found) == 0
    assert metric("active", found) == 4


def test_dead_experts() -> None:
    found = totals(40, 0, 0, 0)
    assert metric("dead", found) == 3
    assert metric("active", found) == 1
    assert metric("imbalance", found) is None, "it would be infinite"
    assert metric("entropy_norm", found) == 0


def test_capacity() -> None:
    # 50 tokens, 2 experts of 20 places: 10 of the 30 that chose the first are dropped.
    found = totals(20, 20, dropped=10, slots=40)
    assert metric("drop_rate", found) == pytest.approx(0.2)
    assert metric("cap_ratio", found) == 1
    assert metric("drop_rate", totals(3, 4)) is None, "without places"
    assert metric("cap_ratio", totals(3, 4)) is None


def test_everything_dropped() -> None:
    found = totals(0, 0, dropped=5, slots=2)
    assert metric("drop_rate", found) == 1
    assert metric("entropy_norm", found) is None
    assert metric("imbalance", found) is None
    assert metric("dead", found) == 2


def test_one_expert_has_no_entropy_to_speak_of() -> None:
    assert metric("spec_entropy", totals(7)) is None
    assert metric("entropy_norm", totals(7)) is None
    assert metric("imbalance", totals(7)) == 1


@pytest.mark.parametrize("experts", [2, 4, 16])
def test_zero_logits_are_undecided(experts: int) -> None:
    found = measured(routing(torch.zeros(6, experts).softmax(1)))
    assert metric("spec_entropy", found) == pytest.approx(1)
    assert metric("gate_entropy", found) == pytest.approx(log(experts))
    assert metric("entropy_norm", found) == pytest.approx(1)


def test_entropy_by_hand() -> None:
    # ½ ln 2 + ½·2 ln 2 = 1.5 ln 2 of the first token; a certain gate has none.
    probs = torch.tensor([[0.5, 0.25, 0.25], [1.0, 0.0, 0.0]])
    assert metric("gate_entropy", measured(routing(probs))) == pytest.approx(0.75 * log(2))


def test_marginal_entropy_by_hand() -> None:
    # Certain of a different expert for each of two tokens: the mean is (½, ½).
    sure = measured(routing(torch.tensor([[1.0, 0.0], [0.0, 1.0]])))
    assert metric("marginal_entropy", sure) == pytest.approx(log(2))
    assert metric("gate_entropy", sure) == 0
    # The same expert for both: neither entropy.
    same = measured(routing(torch.tensor([[1.0, 0.0], [1.0, 0.0]])))
    assert metric("marginal_entropy", same) == metric("gate_entropy", same) == 0
    # The mean of (¾, ¼) and (¼, ¾) is (½, ½); either has .75 ln 4/3 + .25 ln 4 = .5623.
    soft = measured(routing(torch.tensor([[0.75, 0.25], [0.25, 0.75]])))
    assert metric("marginal_entropy", soft) == pytest.approx(log(2))
    assert metric("gate_entropy", soft) == pytest.approx(0.5623, abs=1e-4)


@given(st.integers(2, 9), st.integers(1, 30), st.integers(0, 2**31))
def test_the_entropy_of_the_mean_is_at_least_the_mean_of_entropies(
    experts: int, tokens: int, seed: int
) -> None:
    found = measured(routing(random_probs(seed, tokens, experts)))
    marginal, gate = metric("marginal_entropy", found), metric("gate_entropy", found)
    assert marginal is not None
    assert gate is not None
    assert gate - 1e-6 <= marginal <= log(experts) + 1e-6


def test_a_soft_layer_is_judged_by_its_weights() -> None:
    probs = torch.tensor([[0.75, 0.25], [0.75, 0.25]])
    found = measured(routing(probs))
    assert found.shares == pytest.approx((0.75, 0.25))
    assert metric("imbalance", found) == pytest.approx(3)


def test_a_pass_is_the_sum_of_its_batches() -> None:
    meter = RoutingMeter()
    first = hard((0, True), (0, False), (1, True), experts=3, slots=2)
    second = hard((2, True), experts=3, slots=1)
    for batch in (first, second):
        meter.add([batch])
    [found] = meter.totals().values()
    assert found == RoutingTotals(
        tokens=4,
        entropy=0.0,
        probs=(2.0, 1.0, 1.0),
        weights=(1.0, 1.0, 1.0),
        chosen=(2.0, 1.0, 1.0),
        kept=(1.0, 1.0, 1.0),
        slots=3,
    )


def test_each_layer_has_totals_of_its_own() -> None:
    meter = RoutingMeter()
    for name, experts in (("deep", 2), ("flat", 3)):
        layer = hard((1, True), experts=experts)
        object.__setattr__(layer, "name", name)
        meter.add([layer])
    assert {name: found.kept for name, found in meter.totals().items()} == {
        "deep": (0.0, 1.0),
        "flat": (0.0, 1.0, 0.0),
    }


def test_nothing_routed() -> None:
    assert RoutingMeter().totals() == {}


@given(st.integers(0, 999), st.integers(1, 30), st.integers(2, 8))
def test_bounds(seed: int, tokens: int, experts: int) -> None:
    found = measured(routing(random_probs(seed, tokens, experts), k=1))
    assert 0 <= (metric("spec_entropy", found) or 0) <= 1 + 1e-9
    assert 0 <= (metric("entropy_norm", found) or 0) <= 1 + 1e-9
    assert (metric("imbalance", found) or 1) >= 1
    assert (metric("dead", found) or 0) + (metric("active", found) or 0) == experts
    assert sum(found.shares) == pytest.approx(1)
