"""Any network that routes, read through one interface."""

from typing import Any

import pytest
import torch
from torch import nn
from train_samples import LAYERS, MIXTURE, SINGLE, TOP_1

from nas.moe import as_routed
from nas.train import load_model


def built(source: str) -> Any:
    torch.manual_seed(0)
    return load_model(source, 10)


IMAGES = torch.randn(6, 1, 16, 16, generator=torch.Generator().manual_seed(0))


def test_a_plain_network_does_not_route() -> None:
    assert as_routed(built(SINGLE)) is None


@pytest.mark.parametrize(("source", "chosen"), [(MIXTURE, 3), (TOP_1, 1)])
def test_a_mixture_is_one_layer(source: str, chosen: int) -> None:
    model = built(source).eval()
    routed = as_routed(model)
    assert routed is not None
    out = routed(IMAGES)
    [layer] = out.layers
    assert (layer.name, layer.slots, layer.clean_logits) == ("gate", None, None)
    assert layer.chosen.sum(1).tolist() == [chosen] * 6
    assert torch.equal(layer.chosen, layer.kept)
    assert torch.equal(out.logits, model(IMAGES))
    assert out.expert_logits is not None
    assert out.expert_logits.shape == (6, 3, 10)
    assert routed.gate == [model.gate]
    assert routed.temperature is not None
    assert routed.temperature.item() == pytest.approx(2.0)


def test_several_layers() -> None:
    model = built(LAYERS).eval()
    routed = as_routed(model)
    assert routed is not None
    out = routed(IMAGES)
    assert [layer.name for layer in out.layers] == ["first", "second"]
    assert all(layer.probs.shape == (96, 3) for layer in out.layers)
    assert out.expert_logits is None
    assert routed.gate == [layer.gate for layer in model.layers]
    assert (routed.temperature, routed.expert_names) == (None, [])


def test_what_each_expert_is_meant_for() -> None:
    model = built(MIXTURE)
    routed = as_routed(model)
    assert routed is not None
    assert routed.class_domain is None
    model.register_buffer("class_domain", torch.tensor([0, 0, 1, 2, -1]))
    assert routed.class_domain is model.class_domain
    model.class_domain = None
    assert routed.class_domain is None


def test_decisions_are_precise_whatever_the_network_computes_in() -> None:
    routed = as_routed(built(MIXTURE).eval())
    assert routed is not None
    with torch.autocast("cpu", torch.bfloat16):
        [layer] = routed(IMAGES).layers
    assert layer.gate_logits.dtype == layer.probs.dtype == layer.weights.dtype == torch.float32
    doubled = as_routed(built(MIXTURE).eval().double())
    assert doubled is not None
    [layer] = doubled(IMAGES.double()).layers
    assert layer.probs.dtype == torch.float64


def test_the_contract_s_names_are_found_on_modules_alone() -> None:
    class Named(nn.Module):
        routed = None  # not callable

    assert as_routed(Named()) is None
