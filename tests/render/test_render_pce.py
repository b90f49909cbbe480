"""The network of convolutional experts: published counts, and what it must satisfy."""

import math
from typing import Any

import pytest
import torch
from host_reads import HostReads
from render_samples import candidate, execute
from torch import Tensor, nn
from torch.nn import functional

from nas.measure.gate import overhead
from nas.measure.meta import count_macs
from nas.render import render
from nas.schema import ProblemError

CAPACITIES = ("per_image", "batch", "none")
PUBLISHED = {"stem": "large", "width": 64, "patch": 16, "stages": 4}
SMALL = {"width": 8}
ALL_TOKENS = 9_212_416_000
"""MACs of an image at the published size, with one expert on each of the 49 tokens a layer."""
ROUTER = 109_172
"""MACs of the five routers for each expert: 49·Σ 2·(C + 18) over C = 64, 64, 128, 256, 512."""
EXPERTS = 4_624_220_160
"""MACs of the experts in ALL_TOKENS: five layers of 49·p²·2·9·C², all alike."""


def source(image_size: int = 32, **choices: Any) -> str:
    return render(candidate("pce", {}).with_(image_size=image_size, choices=choices))


def built(classes: int = 10, **choices: Any) -> Any:
    torch.manual_seed(0)
    return execute(source(**SMALL | choices)).build(classes)


def published(**choices: Any) -> Any:
    with torch.device("meta"):
        return execute(source(224, **PUBLISHED | choices)).build(200)


def macs(model: nn.Module, images: int = 1) -> int:
    return count_macs(model, torch.empty(images, 3, 224, 224, device="meta"))


def parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters())


class TestPublishedCounts:
    @pytest.mark.parametrize(
        ("experts", "count"),
        [(1, 14_453_517), (4, 33_501_017), (8, 58_888_765), (16, 109_664_261)],
    )
    def test_parameters(self, experts: int, count: int) -> None:
        assert parameters(published(experts=experts)) == count

    def test_macs_without_routing(self) -> None:
        assert macs(published(experts=1)) == ALL_TOKENS

    def test_macs_without_capacity(self) -> None:
        """Routed, each token is computed once: as one expert, and the routers."""
        torch.manual_seed(0)
        model = execute(source(224, **PUBLISHED, experts=4, capacity="none")).build(200)
        assert count_macs(model, torch.randn(1, 3, 224, 224)) == ALL_TOKENS + 4 * ROUTER

    @pytest.mark.parametrize("experts", [4, 8, 16])
    def test_macs_at_capacity_factor_two(self, experts: int) -> None:
        """Slots are executed, empty or not: twice the tokens, where 2·N/E is a whole number."""
        model = published(experts=experts, capacity="batch")
        twice = ALL_TOKENS + experts * ROUTER + EXPERTS
        assert macs(model, images=8) == 8 * twice
        # For one image alone places are rounded up: ⌈98/E⌉·E slots for 49 tokens.
        slots = math.ceil(98 / experts) * experts
        alone = ALL_TOKENS + experts * ROUTER + EXPERTS // 49 * (slots - 49)
        assert macs(published(experts=experts)) == alone

    @pytest.mark.parametrize(("stem", "side"), [("large", 224), ("small", 32)])
    def test_resnet_18(self, stem: str, side: int) -> None:
        with torch.device("meta"):
            code = source(side, network="resnet18", width=64, stem=stem)
            model = execute(code).build(200)
        images = torch.empty(1, 3, side, side, device="meta")
        if stem == "small":  # as behind the heads of arXiv 2601.15021
            assert count_macs(model, images) == 555_417_600 + 512 * 200
            return
        from torchvision.models import resnet18

        with torch.device("meta"):
            theirs = resnet18(num_classes=200)
        assert parameters(model) == parameters(theirs) == 11_279_112
        assert count_macs(model, images) == count_macs(theirs, images)

    def test_kernel_one_is_in_the_last_two_layers_alone(self) -> None:
        model = published(experts=4, late_kernel=1)
        layers = [block for block in model.blocks if hasattr(block, "router")]
        assert [layer.experts.first.kernel_size for layer in layers] == [(3, 3)] * 3 + [(1, 1)] * 2
        assert [layer.patch for layer in layers] == [16, 16, 8, 4, 2]
        assert [layer.experts.channels for layer in layers] == [64, 64, 128, 256, 512]

    def test_without_the_post_block(self) -> None:
        # Conv3×3 and GroupNorm of each layer.
        left_out = sum(9 * c * c + 2 * c for c in (64, 64, 128, 256, 512))
        assert parameters(published(post=False)) == parameters(published()) - left_out


def plain_step(layer: Any, tokens: Tensor, group: int, places: int) -> Tensor:
    """The sparse step as two loops, over experts and over each expert's tokens."""
    results = torch.zeros_like(tokens)
    probs = layer.router(tokens).softmax(1)
    best = probs.argmax(1).tolist()
    for first in range(0, len(tokens), group):
        for e in range(layer.experts.experts):
            queue = [n for n in range(first, first + group) if best[n] == e]
            queue.sort(key=lambda n: -float(probs[n].detach()[best[n]]))  # stable
            for n in queue[:places]:
                weight = probs[n, e] / probs[n, e].detach()
                results[n] = plain_expert(layer.experts, e, tokens[n : n + 1])[0] * weight
    return results


def plain_expert(experts: Any, e: int, token: Tensor) -> Tensor:
    rows = slice(e * experts.channels, (e + 1) * experts.channels)

    def convolve(y: Tensor, conv: nn.Conv2d, norm: nn.GroupNorm) -> Tensor:
        y = functional.conv2d(y, conv.weight[rows], padding=conv.padding)
        return functional.group_norm(y, 8, norm.weight[rows], norm.bias[rows])

    y = functional.silu(convolve(token, experts.first, experts.first_norm))
    return token + convolve(y, experts.second, experts.second_norm)


def plain_layer(layer: Any, x: Tensor, group: int, places: int) -> Tensor:
    batch, channels, height, width = x.shape
    side = layer.patch
    corners = [(i, j) for i in range(0, height, side) for j in range(0, width, side)]
    tokens = [x[b, :, i : i + side, j : j + side] for b in range(batch) for i, j in corners]
    results = plain_step(layer, torch.stack(tokens), group, places)
    rows = []
    for b in range(batch):
        image = torch.zeros(channels, height, width, dtype=x.dtype)
        for n, (i, j) in enumerate(corners):
            n += b * len(corners)
            out = tokens[n] + layer.gamma * results[n]
            image = image + functional.pad(out, (j, width - side - j, i, height - side - i))
        rows.append(image)
    merged = torch.stack(rows)
    active = functional.silu(layer.norm(merged))
    return merged + active + layer.post(active)


IMAGES, TOKENS = 3, 16
"""Of the layers below: three images of 4×4 patches."""

LOADS = [
    pytest.param(4, 4.0, 0.0, 0.0, id="room for all"),
    pytest.param(4, 1.0, 0.0, None, id="some dropped"),
    pytest.param(16, 2.0, 0.5, None, id="some of many experts' dropped"),
    pytest.param(4, 2.0, 9.0, 1 / 2, id="all to one of four"),
    pytest.param(16, 1.0, 9.0, 15 / 16, id="all to one of sixteen"),
]
"""Experts, capacity factor, how much expert 0 is favoured, and the share that is dropped."""


def layer_and_input(capacity: str, experts: int, factor: float, favour: float) -> tuple[Any, Any]:
    torch.manual_seed(experts)
    module = execute(source(**SMALL, capacity=capacity, capacity_factor=factor))
    stacked = module.ConvExperts(8, experts, 3)
    for norm in (stacked.first_norm, stacked.second_norm):
        nn.init.normal_(norm.weight, 1, 0.2), nn.init.normal_(norm.bias, 0, 0.2)
    router = module.PatchRouter(8, experts, module.fourier_positions(4))
    with torch.no_grad():
        router.score.bias[0] += favour
    layer = module.RoutedLayer("moe", 8, 4, stacked, router).double().eval()
    with torch.no_grad():
        layer.gamma.fill_(0.7)  # so that the experts' share of the result is not small
    return layer, torch.randn(IMAGES, 8, 16, 16, dtype=torch.float64, requires_grad=True)


@pytest.mark.parametrize(("experts", "factor", "favour", "dropped"), LOADS)
@pytest.mark.parametrize("capacity", CAPACITIES)
class TestAgainstALoop:
    def test_outputs_and_gradients(
        self, capacity: str, experts: int, factor: float, favour: float, dropped: float | None
    ) -> None:
        layer, x = layer_and_input(capacity, experts, factor, favour)
        group = TOKENS if capacity == "per_image" else IMAGES * TOKENS
        places = group if capacity == "none" else math.ceil(factor * group / experts)
        wanted = [x, *layer.parameters()]

        output, routing = layer.routed(x)
        expected = plain_layer(layer, x, group, places)
        torch.testing.assert_close(output, expected, rtol=0, atol=1e-12)
        ramp = torch.linspace(-1, 1, output.numel(), dtype=torch.float64).view_as(output)
        found = torch.autograd.grad((output * ramp).sum(), wanted)
        true = torch.autograd.grad((expected * ramp).sum(), wanted)
        for one, other in zip(found, true, strict=True):
            torch.testing.assert_close(one, other, rtol=1e-10, atol=1e-10)

        share = 1 - float(routing.kept.sum()) / (IMAGES * TOKENS)
        if capacity == "none":
            assert share == 0
        elif dropped is None:
            assert 0 < share < 1
        else:
            assert share == dropped

    def test_a_dropped_token_is_left_as_it_is(
        self, capacity: str, experts: int, factor: float, favour: float, dropped: float | None
    ) -> None:
        layer, x = layer_and_input(capacity, experts, factor, favour)
        seen: list[tuple[Tensor, Tensor]] = []
        layer.merge = lambda tokens, results, x: seen.append((tokens, results)) or x
        _, routing = layer.routed(x)
        [(tokens, results)] = seen
        after = tokens + layer.gamma * results
        kept = routing.kept.any(1)
        assert torch.equal(after[~kept], tokens[~kept])
        assert (after[kept] != tokens[kept]).flatten(1).any(1).all()


def test_tied_logits_drop_the_same_tokens_every_run() -> None:
    layer, x = layer_and_input("per_image", 4, 1.0, 0.0)
    nn.init.zeros_(layer.router.score.weight)
    nn.init.zeros_(layer.router.score.bias)
    for _ in range(3):
        _, routing = layer.routed(x)
        # All go to expert 0, which has places for the first four tokens of each image.
        assert routing.chosen[:, 0].all()
        assert routing.kept[:, 0].tolist() == ([True] * 4 + [False] * 12) * IMAGES
        assert routing.slots == IMAGES * TOKENS


class TestReadsAndOperations:
    @staticmethod
    def counted(training: bool, **choices: Any) -> HostReads:
        model = built(**choices).train(training)
        with torch.no_grad(), HostReads() as reads:
            model(torch.randn(2, 3, 32, 32))
        return reads

    @pytest.mark.parametrize("training", [True, False])
    @pytest.mark.parametrize("capacity", ["per_image", "batch"])
    def test_no_reads_and_as_many_operations_for_any_number_of_experts(
        self, capacity: str, training: bool
    ) -> None:
        counts = [self.counted(training, capacity=capacity, experts=e) for e in (2, 16)]
        assert [reads.seen for reads in counts] == [[], []]
        assert counts[0].operations == counts[1].operations

    def test_without_capacity_one_read_a_layer(self) -> None:
        assert self.counted(False, capacity="none").seen == ["tolist"] * 4

    @pytest.mark.parametrize("capacity", ["per_image", "batch"])
    def test_a_step_needs_no_numbers(self, capacity: str) -> None:
        """On the meta device every way to read a number back raises."""
        with torch.device("meta"):
            model = execute(source(**SMALL, capacity=capacity)).build(10).train()
            model.set_knobs(temperature=1.5)
            logits = model(torch.empty(4, 3, 32, 32))
            functional.cross_entropy(logits, torch.zeros(4, dtype=torch.long)).backward()
        with torch.device("meta"), pytest.raises((RuntimeError, NotImplementedError)):
            bool(torch.ones(()) > 0)

    def test_costs_count_what_is_executed(self) -> None:
        """At four experts and factor 2, the 16 tokens of an image have 32 slots; one expert alone
        has as many MACs as there are tokens."""
        dense = overhead(source(**SMALL, experts=1), 32, 3, 10)
        dropless = overhead(source(**SMALL, capacity="none"), 32, 3, 10)
        padded = overhead(source(**SMALL), 32, 3, 10)
        routers = 16 * 4 * sum(2 * (c + 18) for c in (8, 8, 16, 32))
        # Channels double where the patch halves, so all four layers' experts cost alike.
        experts = 4 * 16 * 8 * 8 * 2 * 9 * 8 * 8
        assert dropless.macs == dense.macs + routers
        assert padded.macs == dense.macs + routers + experts


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
        ({"patch": 5}, "does not divide"),
        ({"patch": 64}, "does not divide"),
        ({"stem": "large", "patch": 32, "stages": 1}, "does not divide"),
        ({"patch": 32}, "one patch alone"),
        ({"patch": 4}, "smaller than two by two"),
        ({"patch": 2, "stages": 2}, "smaller than two by two"),
        ({"capacity_factor": 0.9}, "0.9 is not a value of capacity_factor"),
    ],
)
def test_settings_that_cannot_be(choices: dict[str, Any], reason: str) -> None:
    with pytest.raises(ProblemError, match=reason):
        source(**choices)


def test_a_patch_that_does_not_halve_evenly() -> None:
    assert "patch=6" in source(36, patch=12, stages=2)
    with pytest.raises(ProblemError, match="does not halve evenly"):
        source(36, patch=18, stages=3)


def test_timm_experts_are_refused() -> None:
    with pytest.raises(ProblemError, match="no timm experts"):
        render(candidate("pce"))
