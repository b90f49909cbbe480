"""The parts of a training step, by hand. Shapes: B batch, E experts, C classes."""

import subprocess
import sys
import traceback
from collections.abc import Iterator
from math import cos, log, pi
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from timm.data.mixup import mixup_target
from torch import nn
from train_samples import MIXTURE, SINGLE

from nas.compute import Compute
from nas.data.batches import Split
from nas.schema import Recipe
from nas.train import BuildError, NonFiniteLossError, load_model, score
from nas.train.mixed_batch import Mixed, draw_box, mix, paste
from nas.train.optimizer import build_optimizer, rate, schedule, set_rates
from nas.train.seeding import seed_everything

CPU = torch.device("cpu")


class TestSchedule:
    def test_by_hand(self) -> None:
        # 10 steps, 2 of them warm-up: 0.1, 0.55, then the cosine over 8 steps from 1
        factors = [schedule(step, 10, 0.2) for step in range(10)]
        assert factors[:3] == pytest.approx([0.1, 0.55, 1.0])
        assert factors[6] == pytest.approx(0.5)
        assert factors[9] == pytest.approx(0.5 * (1 + cos(pi * 7 / 8)))

    @given(st.integers(1, 400), st.floats(0, 0.99))
    def test_always_positive_and_at_its_peak_once_warm(self, steps: int, warmup: float) -> None:
        factors = [schedule(step, steps, warmup) for step in range(steps)]
        warm = round(warmup * steps)
        assert all(0 < factor <= 1 for factor in factors)
        assert factors[:warm] == sorted(factors[:warm])
        assert factors[warm:] == sorted(factors[warm:], reverse=True)
        if warm < steps:
            assert factors[warm] == 1


class TestOptimizer:
    def test_groups(self) -> None:
        model = load_model(MIXTURE, 10)
        recipe = Recipe(lr=1e-2, gate_lr_multiplier=3, weight_decay=0.5, gate_weight_decay=0.25)
        optimizer = build_optimizer(model, recipe)
        names = {id(p): name for name, p in model.named_parameters()}
        groups = {
            (group["part"], group["weight_decay"]): (
                group["lr"],
                sorted(names[id(p)] for p in group["params"]),
            )
            for group in optimizer.param_groups
        }
        weights = sorted(f"experts.{e}.{layer}.weight" for e in range(3) for layer in (0, 5))
        flat = sorted(
            f"experts.{e}.{name}" for e in range(3) for name in ("1.weight", "1.bias", "5.bias")
        )
        assert groups == {
            ("experts", 0.5): (0.01, weights),
            ("experts", 0.0): (0.01, flat),
            ("gate", 0.25): (pytest.approx(0.03), ["gate.linear.weight"]),
            ("gate", 0.0): (pytest.approx(0.03), ["gate.linear.bias", "gate.raw"]),
        }

    def test_a_control_has_no_gate_and_frozen_parameters_are_left_out(self) -> None:
        model = load_model(SINGLE, 10)
        model[0].weight.requires_grad_(False)  # type: ignore[index]
        optimizer = build_optimizer(model, Recipe())
        assert {group["part"] for group in optimizer.param_groups} == {"experts"}
        assert sum(len(group["params"]) for group in optimizer.param_groups) == 4
        assert rate(optimizer, "gate") is None

    def test_rates_scale_from_the_peak_not_from_each_other(self) -> None:
        optimizer = build_optimizer(load_model(MIXTURE, 10), Recipe(lr=0.1))
        set_rates(optimizer, {"experts": 0.5, "gate": 0.5})
        set_rates(optimizer, {"experts": 0.2, "gate": 0.1})
        assert rate(optimizer, "experts") == pytest.approx(0.02)
        assert rate(optimizer, "gate") == pytest.approx(0.02)


class TestMixup:
    @staticmethod
    def mixed(alpha: float, smoothing: float = 0.0, seed: int = 0) -> Any:
        x = torch.tensor([1.0, 2.0, 4.0]).view(3, 1, 1, 1)
        return x, mix(
            x,
            torch.tensor([0, 1, 3]),
            num_classes=4,
            alpha=alpha,
            smoothing=smoothing,
            rng=np.random.default_rng(seed),
        )

    def test_images_and_targets_mix_alike(self) -> None:
        _, batch = self.mixed(alpha=1.0)
        lam = batch.lam
        assert 0 < lam < 1
        # Each image meets its mirror in the batch: 1 with 4, 2 with itself.
        expected = [lam + 4 * (1 - lam), 2.0, 4 * lam + (1 - lam)]
        assert batch.images.flatten().tolist() == pytest.approx(expected)
        assert batch.targets[0].tolist() == pytest.approx([lam, 0, 0, 1 - lam])
        assert batch.targets[1].tolist() == pytest.approx([0, 1, 0, 0])

    def test_smoothing_by_hand(self) -> None:
        # 0.2 spread over 4 classes: 0.05 each, 0.85 for the right one
        _, batch = self.mixed(alpha=0.0, smoothing=0.2)
        assert batch.targets[2].tolist() == pytest.approx([0.05, 0.05, 0.05, 0.85])

    def test_targets_are_timms_to_the_last_bit(self) -> None:
        _, batch = self.mixed(alpha=1.0, smoothing=0.1)
        labels = torch.tensor([0, 1, 3])
        assert torch.equal(batch.targets, mixup_target(labels, 4, lam=batch.lam, smoothing=0.1))

    def test_alpha_0_leaves_the_images(self) -> None:
        x, batch = self.mixed(alpha=0.0)
        assert batch.images is x
        assert batch.lam == 1

    def test_hits_by_hand(self) -> None:
        _, batch = self.mixed(alpha=1.0)
        lam = batch.lam
        # 0 is λ right of (0, 3); 1 is wholly right of (1, 1); 0 is (1−λ) right of (3, 0)
        hits = float(batch.hits(torch.tensor([0, 1, 0])))
        assert hits == pytest.approx(lam + 1 + (1 - lam))
        assert float(batch.hits(torch.tensor([2, 2, 2]))) == 0


class TestCutMix:
    @staticmethod
    def mixed(
        cutmix: float, rng: np.random.Generator, alpha: float = 0.2
    ) -> tuple[torch.Tensor, Mixed]:
        x = torch.tensor([1.0, 2.0, 3.0]).view(3, 1, 1, 1).expand(-1, 2, 6, 8)
        labels = torch.arange(3)
        return x, mix(x, labels, num_classes=4, alpha=alpha, cutmix=cutmix, smoothing=0.0, rng=rng)

    def test_a_box_by_hand(self) -> None:
        x, _ = self.mixed(1.0, np.random.default_rng())
        got, lam = paste(x, slice(1, 3), slice(4, 8))
        assert lam == pytest.approx(1 - 2 * 4 / (6 * 8))
        for image, own, other in zip(got, (1, 2, 3), (3, 2, 1), strict=True):
            expected = torch.full((2, 6, 8), float(own))
            expected[:, 1:3, 4:8] = other
            assert torch.equal(image, expected)

    def test_a_box_is_the_papers(self) -> None:
        # λ = 0.75 makes sides half as long as the image's: 3 of 6 rows, 4 of 8 columns, of which
        # half, rounded down, lies on each side of the middle.
        class Fixed:
            def __init__(self, *middle: int) -> None:
                self.middle = iter(middle)

            def beta(self, *alphas: float) -> float:
                assert alphas == (1, 1)
                return 0.75

            def integers(self, size: int) -> int:
                return next(self.middle)

        assert draw_box(6, 8, rng=Fixed(3, 3)) == (slice(2, 4), slice(1, 5))  # type: ignore[arg-type]
        assert draw_box(6, 8, rng=Fixed(0, 7)) == (slice(0, 1), slice(5, 8))  # type: ignore[arg-type]

    @given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 40))
    def test_boxes_lie_inside(self, seed: int, height: int, width: int) -> None:
        rows, columns = draw_box(height, width, rng=np.random.default_rng(seed))
        assert 0 <= rows.start <= rows.stop <= height
        assert 0 <= columns.start <= columns.stop <= width

    def test_targets_and_hits_weigh_the_boxes_true_area(self) -> None:
        for seed in range(20):
            x, batch = self.mixed(1.0, np.random.default_rng(seed))
            own = (batch.images[0] == x[0]).float().mean()
            assert batch.lam == pytest.approx(float(own))
            assert batch.targets[0].tolist() == pytest.approx([batch.lam, 0, 1 - batch.lam, 0])
            assert batch.targets[1].tolist() == pytest.approx([0, 1, 0, 0])
            # 0 is λ right of (0, 2); 1 is wholly right of (1, 1); 0 is (1−λ) right of (2, 0)
            assert float(batch.hits(torch.tensor([0, 1, 0]))) == pytest.approx(2)
            assert float(batch.hits(torch.tensor([0, 3, 3]))) == pytest.approx(batch.lam)
            assert float(batch.hits(torch.tensor([2, 3, 3]))) == pytest.approx(1 - batch.lam)

    def test_the_batch_given_is_not_changed(self) -> None:
        x = torch.rand(4, 1, 6, 8).contiguous(memory_format=torch.channels_last)
        before = x.clone()
        batch = mix(
            x,
            torch.arange(4),
            num_classes=4,
            alpha=0.2,
            cutmix=1.0,
            smoothing=0.0,
            rng=np.random.default_rng(3),
        )
        assert batch.lam < 1
        assert torch.equal(x, before)
        assert batch.images.is_contiguous(memory_format=torch.channels_last)

    def test_without_it_nothing_more_is_drawn(self) -> None:
        rng, alone = np.random.default_rng(5), np.random.default_rng(5)
        for _ in range(10):
            assert self.mixed(0.0, rng)[1].lam == float(alone.beta(0.2, 0.2))
        assert rng.bit_generator.state == alone.bit_generator.state

    def test_it_is_the_share_of_batches_and_the_others_are_mixed_up(self) -> None:
        rng, cut = np.random.default_rng(6), 0
        for _ in range(1000):
            x, batch = self.mixed(0.3, rng, alpha=1.0)
            if bool(((batch.images == x) | (batch.images == x.flip(0))).all()):
                cut += 1
            else:
                expected = batch.lam * x + (1 - batch.lam) * x.flip(0)
                assert torch.equal(batch.images, expected)
        assert 242 <= cut <= 358  # 4 standard errors around 300


class _Output(NamedTuple):
    logits: torch.Tensor
    weights: torch.Tensor
    probs: torch.Tensor
    gate_logits: torch.Tensor
    expert_logits: torch.Tensor


class _Scripted(nn.Module):
    """A mixture of two experts whose answers to the images 0, 1, 2, 3 are given."""

    # Labels are 0, 1, 0, 1. The first expert is right of images 0 and 1, the second of 0 and 2;
    # nobody is right of 3.
    answers = torch.tensor([[0, 0], [1, 0], [1, 0], [0, 0]])
    confidence = torch.tensor([[1.0, 1.0], [1.0, 3.0], [1.0, 3.0], [1.0, 1.0]])
    probs = torch.tensor([[0.5, 0.5], [0.9, 0.1], [1.0, 0.0], [0.5, 0.5]])

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(1, 2)

    def mixture(self, x: torch.Tensor) -> _Output:
        image = x.flatten().long()
        expert_logits = self.confidence[image][..., None] * nn.functional.one_hot(
            self.answers[image], 2
        )
        probs = self.probs[image]
        logits = (probs[..., None] * expert_logits).sum(1)
        return _Output(logits, probs, probs, probs.log(), expert_logits)


class _Four(Split):
    labels = torch.tensor([0, 1, 0, 1])

    def subset(self, index: torch.Tensor) -> Split:
        raise NotImplementedError

    def batches(self, batch_size: int, **_: Any) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        x = torch.arange(4.0).view(4, 1, 1, 1)
        return zip(x.split(batch_size), self.labels.split(batch_size), strict=True)


class TestScore:
    @pytest.mark.parametrize("batch_size", [1, 3, 4])
    def test_by_hand(self, batch_size: int) -> None:
        got = score(_Scripted(), _Four(), batch_size, compute=Compute(CPU))
        # Mixture: image 0 → 0 (right); 1 → .9·1 for class 1 against .1·3 for 0 (right);
        # 2 → the first expert's 1 (wrong); 3 → 0 (wrong).
        assert got.acc == 0.5
        # Uniform: 0 right; 1: class 0 by 1.5 against .5 (wrong); 2: class 0 (right); 3 wrong.
        assert got.uniform_acc == 0.5
        assert got.oracle_acc == 0.75
        assert got.expert_accs == (0.5, 0.5)
        assert got.usage == pytest.approx(((0.5 + 0.9 + 1 + 0.5) / 4, (0.5 + 0.1 + 0.5) / 4))
        sure = -0.9 * log(0.9) - 0.1 * log(0.1)
        assert got.gate_entropy == pytest.approx((log(2) + sure + 0 + log(2)) / 4)
        # Margins for the right class: 1, .9 − .3, −1, −1; loss = ln(1 + e^−margin)
        losses = [log(1 + np.exp(-m)) for m in (1, 0.6, -1, -1)]
        assert got.loss == pytest.approx(sum(losses) / 4)

    def test_a_plain_model_has_no_gate_figures(self) -> None:
        model = nn.Sequential(nn.Flatten(), nn.Linear(1, 2))
        got = score(model, _Four(), 4, compute=Compute(CPU))
        assert got.gate_entropy is got.uniform_acc is got.oracle_acc is None
        assert got.usage == got.expert_accs == ()

    def test_a_loss_that_is_not_finite(self) -> None:
        linear = nn.Linear(1, 2)
        nn.init.constant_(linear.bias, float("inf"))
        model = nn.Sequential(nn.Flatten(), linear)
        with pytest.raises(NonFiniteLossError):
            score(model, _Four(), 4, compute=Compute(CPU))


class TestRendered:
    def test_a_model_is_built(self) -> None:
        assert load_model(SINGLE, 7)(torch.zeros(2, 1, 16, 16)).shape == (2, 7)

    def test_tracebacks_show_the_rendered_lines(self) -> None:
        model = load_model(
            "from torch import nn\nclass M(nn.Module):\n"
            "    def forward(self, x):\n        return x.no_such_thing\n"
            "def build(num_classes):\n    return M()\n",
            2,
        )
        with pytest.raises(AttributeError) as caught:
            model(torch.zeros(1))
        text = "".join(traceback.format_exception(caught.value))
        assert 'File "<rendered model>", line 4, in forward' in text
        assert "return x.no_such_thing" in text

    def test_dataclasses_and_annotations_work_inside(self) -> None:
        code = (
            "from __future__ import annotations\n"
            "from dataclasses import dataclass\nfrom torch import nn\n"
            "@dataclass\nclass Settings:\n    width: int = 3\n" + SINGLE.lstrip()
        )
        assert isinstance(load_model(code, 2), nn.Module)

    @pytest.mark.parametrize(
        ("code", "message"),
        [
            ("def build(:", "SyntaxError: invalid syntax"),
            ("x = 1", r"no build\(num_classes\)"),
            ("import not_a_module_at_all", "ModuleNotFoundError: No module named"),
            ("def build(n):\n    raise KeyError('width')", "KeyError: 'width'"),
            ("def build(n):\n    return 3", r"build\(\) gave a int"),
            ("import timm\ndef build(n):\n    return timm.create_model('no_net')", "no_net"),
        ],
    )
    def test_what_does_not_build_is_a_typed_error(self, code: str, message: str) -> None:
        with pytest.raises(BuildError, match=message):
            load_model(code, 2)

    def test_running_out_of_memory_is_not_a_build_error(self) -> None:
        with pytest.raises(MemoryError):
            load_model("def build(n):\n    raise MemoryError", 2)


def test_seeds_depend_on_trial_and_epoch() -> None:
    def draws(seed: int, epoch: int) -> tuple[float, float]:
        seed_everything(seed, epoch)
        return float(torch.rand(())), float(np.random.rand())

    assert draws(1, 0) == draws(1, 0)
    assert len({draws(seed, epoch) for seed in (0, 1, 2**31 - 1) for epoch in range(3)}) == 9


def test_peak_memory_sees_a_large_tensor() -> None:
    """In a new process: memory that an old one has freed may still be resident."""
    program = """
import torch
from nas.compute import peak_memory, reset_peak_memory
cpu = torch.device("cpu")
reset_peak_memory(cpu)
before = peak_memory(cpu)
tensor = torch.ones(64 * 2**20)  # 256 MB, touched
del tensor
print(peak_memory(cpu) - before)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert int(done.stdout) > 200 * 2**20


@pytest.mark.parametrize(
    ("precision", "device", "capability", "bf16"),
    [
        ("auto", "cpu", None, False),
        ("auto", "cuda", (8, 0), True),
        ("auto", "cuda", (7, 5), False),
        ("fp32", "cuda", (9, 0), False),
        ("bf16", "cuda", (7, 0), False),
        ("bf16", "cuda", (12, 0), True),
        ("bf16", "cpu", None, True),
    ],
)
def test_precision_follows_recipe_and_device(
    monkeypatch: pytest.MonkeyPatch,
    precision: str,
    device: str,
    capability: tuple[int, int] | None,
    bf16: bool,
) -> None:
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    compute = Compute(torch.device(device), precision)
    assert compute.bf16 is bf16


def test_bf16_on_a_cpu_computes_in_bf16_and_keeps_parameters_fp32() -> None:
    compute = Compute(CPU, "bf16")
    model = compute.place(load_model(SINGLE, 10))
    with compute.autocast():
        assert model(torch.zeros(2, 1, 16, 16)).dtype == torch.bfloat16
    assert all(p.dtype == torch.float32 for p in model.parameters())
