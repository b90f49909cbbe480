"""The gate partial, imported as Python."""

import pytest
import torch
from render_samples import partial

Gate = partial("_gate").Gate


def parameters(module: torch.nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_published_parameter_count() -> None:
    # Convolutions with bias: 3·64·9 + 64 = 1,792 and 64·128·9 + 128 = 73,856.
    # BatchNorm: 2·64 + 2·128 = 384. Linear: 128·64 + 64 = 8,256 and 64·4 + 4 = 260.
    # Temperature: 1. In all 84,549.
    assert parameters(Gate(experts=4)) == 84_549


def test_scores_every_image_once() -> None:
    assert Gate(experts=5, channels=1, width=16)(torch.randn(3, 1, 32, 32)).shape == (3, 5)


@pytest.mark.parametrize(("raw", "held"), [(0.1, 0.5), (2.0, 2.0), (9.0, 5.0)])
def test_temperature_is_held(raw: float, held: float) -> None:
    gate = Gate(experts=2, width=8, temperature=raw).eval()
    assert gate.temperature.item() == held
    x = torch.randn(2, 3, 16, 16)
    torch.testing.assert_close(gate(x), gate.head(gate.features(x)) / held)


def test_temperature_learns() -> None:
    gate = Gate(experts=2, width=8)
    gate(torch.randn(4, 3, 16, 16))[:, 0].sum().backward()
    assert gate.raw_temperature.grad.abs() > 0


def test_noise_is_for_training_alone() -> None:
    x = torch.randn(4, 3, 16, 16)
    gate = Gate(experts=2, width=8, dropout=0.0)
    assert not torch.equal(gate(x), gate(x))
    gate.eval()
    assert torch.equal(gate(x), gate(x))
    quiet = Gate(experts=2, width=8, noise=0.0, dropout=0.0)
    assert torch.equal(quiet(x), quiet(x))


def test_noise_has_its_deviation_before_the_temperature() -> None:
    gate = Gate(experts=100, width=8, noise=0.3, temperature=2.0, dropout=0.0)
    x = torch.randn(200, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    with torch.no_grad():
        clean = gate.head(gate.features(x)) / 2.0
        # 20,000 samples: the deviation of the estimate is 0.15 / √40,000 = 0.00075.
        assert (gate(x) - clean).std().item() == pytest.approx(0.3 / 2.0, abs=0.004)


def test_its_head_is_fp32_under_autocast() -> None:
    gate = Gate(experts=4, width=8, noise=0.0, dropout=0.0)
    x = torch.randn(64, 3, 16, 16)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = gate(x) * gate.temperature
        features = gate.features(x)
        rounded = gate.head(features)
    assert features.dtype == rounded.dtype == torch.bfloat16
    assert logits.dtype == torch.float32
    # The features are bf16's; what the head makes of them is not.
    torch.testing.assert_close(logits, gate.head(features.float()))
    assert not torch.equal(logits, logits.bfloat16().float())


def test_its_cost_can_be_counted_on_the_meta_device() -> None:
    with torch.device("meta"):
        assert Gate(experts=2, width=8)(torch.empty(2, 3, 16, 16)).shape == (2, 2)
