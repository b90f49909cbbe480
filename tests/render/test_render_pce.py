"""The network of convolutional experts: what it must satisfy, and what it refuses."""

from typing import Any

import pytest
import torch
from pce_samples import CAPACITIES, SMALL, TOKENS, built, source
from render_samples import candidate, execute
from torch.nn import functional

from nas.render import render
from nas.schema import ProblemError


def test_one_expert_has_no_router() -> None:
    model = built(experts=1)
    assert not hasattr(model, "routed")
    assert not hasattr(model, "parts")
    assert "Router" not in source(experts=1)


class TestIndependence:
    @pytest.mark.parametrize("round_robin", [0.0, 1.0])
    @pytest.mark.parametrize("capacity", ["per_image", "none"])
    def test_logits_do_not_depend_on_batch_mates(self, capacity: str, round_robin: float) -> None:
        """Also where tokens are dropped, and where 16 tokens are no multiple of the experts."""
        model = built(capacity=capacity, capacity_factor=1.0, experts=3).double().eval()
        model.set_knobs(round_robin=round_robin)
        x = torch.randn(6, 3, 32, 32, dtype=torch.float64)
        with torch.no_grad():
            together = model.routed(x)
            if capacity == "per_image" and not round_robin:
                assert not together.layers[0].kept.any(1).all()
            order = torch.tensor([3, 0, 5, 1, 4, 2])
            torch.testing.assert_close(model(x[order]), together.logits[order], rtol=0, atol=1e-12)
            torch.testing.assert_close(model(x[2:3]), together.logits[2:3], rtol=0, atol=1e-12)

    def test_the_batch_s_capacity_couples_images_and_says_so(self) -> None:
        module = execute(source(**SMALL, capacity="batch", capacity_factor=1.0))
        assert module.COUPLED
        torch.manual_seed(0)
        model = module.build(10).double().eval()
        x = torch.randn(6, 3, 32, 32, dtype=torch.float64)
        with torch.no_grad():
            assert not torch.allclose(model(x[2:3]), model(x)[2:3], rtol=0, atol=1e-6)


class TestKnobs:
    def test_first_values(self) -> None:
        for router in built().parts()["gate"]:
            values = {n: float(getattr(router, n)) for n in ("temperature", "noise", "round_robin")}
            assert values == pytest.approx({"temperature": 2.0, "noise": 0.05, "round_robin": 0.0})

    def test_they_are_saved_with_the_weights(self) -> None:
        first, second = built(), built()
        first.set_knobs(temperature=0.85, noise=0.0)
        first.set_knobs(round_robin=1.0)
        second.load_state_dict(first.state_dict(), strict=True)
        for router in second.parts()["gate"]:
            assert float(router.temperature) == pytest.approx(0.85)
            assert float(router.noise) == 0.0
            assert float(router.round_robin) == 1.0
        assert not any("positions" in name for name in first.state_dict())

    def test_round_robin_drops_nothing_and_trains_no_router(self) -> None:
        model = built(capacity_factor=1.0, experts=3).train()
        model.set_knobs(round_robin=1.0)
        output = model.routed(torch.randn(5, 3, 32, 32))
        for routing in output.layers:
            assert routing.kept.any(1).all()
            assert routing.chosen.nonzero()[:, 1].tolist() == [i % 3 for i in range(5 * TOKENS)]
            assert torch.equal(routing.weights.sum(1), torch.ones(5 * TOKENS))
        functional.cross_entropy(output.logits, torch.arange(5)).backward()
        for router in model.parts()["gate"]:
            assert not any(p.grad.any() for p in router.parameters())

    def test_outputs_do_not_jump_when_routing_starts(self) -> None:
        """With alike experts it cannot matter which of them a token goes to, or by which rule."""
        model = built(capacity="none").double().eval()
        for block in model.blocks:
            if hasattr(block, "router"):
                for p in block.experts.parameters():
                    p.data.copy_(p.data[: len(p) // 4].repeat(4, *[1] * (p.ndim - 1)))
        x = torch.randn(4, 3, 32, 32, dtype=torch.float64)
        with torch.no_grad():
            routed = model(x)
            model.set_knobs(round_robin=1.0)
            torch.testing.assert_close(model(x), routed, rtol=0, atol=1e-12)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("capacity", CAPACITIES)
def test_autocast_leaves_routing_in_full_precision(
    capacity: str, layout: torch.memory_format
) -> None:
    model = built(capacity=capacity).train().to(memory_format=layout)
    images = torch.randn(4, 3, 32, 32).to(memory_format=layout)
    with torch.autocast("cpu", torch.bfloat16):
        output = model.routed(images)
        loss = functional.cross_entropy(output.logits, torch.arange(4))
    loss.backward()
    for routing in output.layers:
        assert routing.gate_logits.dtype == routing.probs.dtype == torch.float32
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


@pytest.mark.parametrize("width", [8, 12, 20])
def test_widths_that_eight_does_not_divide(width: int) -> None:
    model = built(width=width)
    assert model(torch.randn(2, 3, 32, 32)).isfinite().all()


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        ({"patch": 5}, "patch 5 does not divide 32, the side of the first map: the image's 32"),
        ({"patch": 64}, "patch 64 does not divide 32"),
        (
            {"stem": "large", "patch": 32, "stages": 1},
            "patch 32 does not divide 16, .*: the image's 32, halved by the large stem",
        ),
        ({"patch": 32}, "patch 32 leaves the first map, of side 32, with one patch alone"),
        ({"patch": 4}, "patch 4 would be smaller than 2 at the last of 3 stages"),
        ({"patch": 2, "stages": 2}, "patch 2 would be smaller than 2 at the last of 2 stages"),
        ({"capacity_factor": 0.9}, "0.9 is not a value of capacity_factor"),
    ],
)
def test_settings_that_cannot_be(choices: dict[str, Any], reason: str) -> None:
    with pytest.raises(ProblemError, match=reason):
        source(**choices)


def test_a_patch_that_does_not_halve_evenly() -> None:
    assert "patch=6" in source(36, patch=12, stages=2)
    with pytest.raises(ProblemError, match="patch 18 does not halve evenly at each of 3 stages"):
        source(36, patch=18, stages=3)


def test_timm_experts_are_refused() -> None:
    with pytest.raises(ProblemError, match="no timm experts"):
        render(candidate("pce"))


@pytest.mark.parametrize("capacity", ["per_image", "batch", "none"])
@pytest.mark.parametrize("network", ["pce", "resnet18"])
@pytest.mark.parametrize("experts", [1, 2])
@pytest.mark.parametrize("stem", ["small", "large"])
def test_every_combination_builds(capacity: str, network: str, experts: int, stem: str) -> None:
    for post, late_kernel in ((True, 3), (False, 1)):
        model = built(
            capacity=capacity,
            network=network,
            experts=experts,
            stem=stem,
            post=post,
            late_kernel=late_kernel,
            patch=4,
            stages=2,
        )
        assert model(torch.randn(2, 3, 32, 32)).shape == (2, 10)
