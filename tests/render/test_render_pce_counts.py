"""The network of convolutional experts: published counts, at the published size."""

import math
from typing import Any

import pytest
import torch
from pce_samples import source
from render_samples import execute
from torch import nn

from nas.measure.meta import count_macs

PUBLISHED = {"stem": "large", "width": 64, "patch": 16, "stages": 4}
ALL_TOKENS = 9_212_416_000
"""MACs of an image at the published size, with one expert on each of the 49 tokens a layer."""
ROUTER = 109_172
"""MACs of the five routers for each expert: 49·Σ 2·(C + 18) over C = 64, 64, 128, 256, 512."""
EXPERTS = 4_624_220_160
"""MACs of the experts in ALL_TOKENS: five layers of 49·p²·2·9·C², all alike."""


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
