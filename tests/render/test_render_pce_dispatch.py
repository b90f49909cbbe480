"""The network of convolutional experts: its dispatch does what a loop does, in few operations."""

import math
from typing import Any

import pytest
import torch
from host_reads import HostReads
from pce_samples import CAPACITIES, SMALL, TOKENS, built, source
from render_samples import execute
from torch import Tensor, nn
from torch.nn import functional

from nas.measure.gate import overhead


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


IMAGES = 3
"""Of a batch of the layers below."""
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
    capacity, _, apart = capacity.partition(" ")
    choices = SMALL | {"experts": experts, "capacity": capacity, "capacity_factor": factor}
    module = execute(source(**choices))
    if apart:
        module.ConvExperts.faster_at_once = lambda *_: False
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
@pytest.mark.parametrize("capacity", [*CAPACITIES, "none apart"])
class TestAgainstALoop:
    def test_outputs_and_gradients(
        self, capacity: str, experts: int, factor: float, favour: float, dropped: float | None
    ) -> None:
        layer, x = layer_and_input(capacity, experts, factor, favour)
        group = TOKENS if capacity == "per_image" else IMAGES * TOKENS
        dropless = capacity.startswith("none")
        places = group if dropless else math.ceil(factor * group / experts)
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
        if dropless:
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
        def count(experts: int, factor: float) -> int:
            reads = self.counted(
                training, capacity=capacity, experts=experts, capacity_factor=factor
            )
            assert reads.seen == []
            return reads.operations

        assert count(2, 1.0) == count(16, 1.0) == count(4, 2.0) == count(16, 2.0)
        # With room for all tokens in every expert there is nothing to sort.
        assert count(2, 2.0) == count(16, 16.0) < count(2, 1.0)

    @pytest.mark.parametrize("at_once", [True, False])
    def test_without_capacity_one_read_a_layer(
        self, monkeypatch: pytest.MonkeyPatch, at_once: bool
    ) -> None:
        model = built(capacity="none")
        experts = type(model.blocks[0].experts)
        monkeypatch.setattr(experts, "faster_at_once", lambda *_: at_once)
        with torch.no_grad(), HostReads() as reads:
            model(torch.randn(2, 3, 32, 32))
        assert reads.seen == ["tolist"] * 4

    def test_when_empty_places_cost_more_than_calls(self) -> None:
        """A token's two convolutions of 64 channels with 3×3 kernels on 8×8 pixels are 4.7 million
        multiply-accumulates: four experts may have three empty places."""
        layer = built(capacity="none", width=64, patch=8).blocks[0]
        tokens = torch.empty(16, 64, 8, 8)
        assert layer.experts.faster_at_once(tokens, 4)
        assert not layer.experts.faster_at_once(tokens, 5)
        # With 8 channels, 64 times less: all of an image's tokens may go to one expert.
        narrow = built(capacity="none", width=8, patch=8).blocks[0]
        assert narrow.experts.faster_at_once(torch.empty(16, 8, 8, 8), 16)

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
        assert dropless.active_macs == dense.macs + routers
        assert dropless.macs > dropless.active_macs  # an image's tokens are run in places too
        assert padded.macs == dense.macs + routers + experts
