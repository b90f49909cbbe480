"""The heads of arXiv 2601.15021: published counts, and what each must satisfy."""

from typing import Any

import pytest
import torch
from render_samples import candidate, execute, partial
from torch.nn import functional

from nas.measure.gate import overhead
from nas.measure.meta import count_macs
from nas.render import render
from nas.schema import ProblemError

D, CLASSES = 512, 10


def source(**choices: Any) -> str:
    return render(candidate("heads", {}).with_(choices=choices))


def built(head: str, **choices: Any) -> Any:
    torch.manual_seed(0)
    return execute(source(head=head, width=64, **choices)).build(CLASSES)


def parameters(part: torch.nn.Module) -> int:
    return sum(p.numel() for p in part.parameters())


def test_the_backbone_is_resnet_18_with_the_stem_of_small_images() -> None:
    backbone = partial("_resnet18").ResNet18(channels=3, width=64)
    assert parameters(backbone) == 11_168_832
    assert count_macs(backbone, torch.empty(1, 3, 32, 32)) == 555_417_600
    assert backbone(torch.empty(1, 3, 32, 32)).shape == (1, D, 4, 4)


@pytest.mark.parametrize(
    ("head", "choices", "count", "macs"),
    [
        ("dense", {}, 267_786, 267_264),
        ("soft", {}, 271_960, 271_360),
        ("sparse", {"top_k": 2}, 276_048, 70_912),
        ("softmoe", {"slots": 1}, 271_953, 399_616),
    ],
)
def test_parameters_and_macs_of_the_heads(
    head: str, choices: dict[str, int], count: int, macs: int
) -> None:
    """8 experts of 64 hidden units, and the dense head with as many: 512."""
    found = overhead(source(head=head, width=64, **choices), 32, 3, CLASSES)
    assert found.params == 11_168_832 + count
    assert found.macs == 555_417_600 + macs
    assert found.saved_bytes > 0


@pytest.mark.parametrize("k", [2, 3])
def test_the_sparse_head_evaluates_as_its_dense_mixture(k: int) -> None:
    model = built("sparse", experts=8, top_k=k).double().eval()
    images = torch.randn(9, 3, 32, 32, dtype=torch.float64)
    torch.testing.assert_close(model(images), model.mixture(images).logits, rtol=0, atol=1e-12)


@pytest.mark.parametrize("head", ["soft", "sparse"])
def test_a_mixture_names_its_experts(head: str) -> None:
    model = built(head, experts=4)
    assert model.expert_names == [("expert", str(n)) for n in range(4)]
    assert len(model.experts) == 4


def test_sparse_weights_are_the_softmax_of_the_largest_logits() -> None:
    logits = torch.tensor([[1.0, 3.0, 2.0, 0.0]])
    weights, chosen = partial("_noisy_gate").top_k(logits.softmax(1), 2)
    assert chosen.tolist() == [[1, 2]]
    torch.testing.assert_close(weights, torch.tensor([[3.0, 2.0]]).softmax(1))


def test_a_noisy_gate_is_noisy_in_training_alone() -> None:
    gate = partial("_noisy_gate").NoisyGate(D, 4)
    gate.drop.p = 0.0
    x = torch.randn(2000, D)
    assert torch.equal(gate.eval()(x), gate(x))
    noise = (gate.train()(x) - gate.score(x)).detach()
    scaled = noise / functional.softplus(gate.noise(x)).detach()  # standard normal
    assert abs(float(scaled.mean())) < 0.05
    assert float(scaled.std()) == pytest.approx(1.0, abs=0.05)


class TestSlots:
    @pytest.fixture
    def head(self) -> Any:
        torch.manual_seed(0)
        made = partial("_slots").SlotExperts(D, experts=3, slots=2, hidden=8, num_classes=CLASSES)
        return made.eval()

    def test_weights(self, head: Any) -> None:
        dispatch, combine = head.weights(torch.randn(4, 16, D))
        assert dispatch.shape == combine.shape == (4, 16, 6)
        torch.testing.assert_close(dispatch.sum(1), torch.ones(4, 6))
        torch.testing.assert_close(combine.sum(2), torch.ones(4, 16))

    def test_equals_a_loop_over_slots(self, head: Any) -> None:
        x = torch.randn(2, D, 4, 4)
        tokens = x.flatten(2).transpose(1, 2)
        dispatch, combine = head.weights(tokens)
        expected = torch.zeros(2, CLASSES)
        for image in range(2):
            for slot in range(6):
                expert = slot // 2
                mean = dispatch[image, :, slot] @ tokens[image]
                hidden = (mean @ head.first[expert] + head.first_bias[expert, 0]).relu()
                result = hidden @ head.second[expert] + head.second_bias[expert, 0]
                expected[image] += combine[image, :, slot].mean() * result
        torch.testing.assert_close(head(x), expected)

    def test_the_order_of_tokens_does_not_matter(self, head: Any) -> None:
        x = torch.randn(2, D, 4, 4)
        moved = x.flatten(2)[:, :, torch.randperm(16)].unflatten(2, (4, 4))
        torch.testing.assert_close(head(moved), head(x))


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        ({"head": "sparse", "experts": 4, "top_k": 5}, "top_k is larger"),
        ({"head": "softmoe", "experts": 8, "slots": 3}, "more slots than tokens"),
    ],
)
def test_settings_that_cannot_be(choices: dict[str, Any], reason: str) -> None:
    with pytest.raises(ProblemError, match=reason):
        source(**choices)
