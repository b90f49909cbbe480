"""The heads of arXiv 2601.15021: published counts, and what each must satisfy."""

from typing import Any

import pytest
import torch
from render_samples import candidate, execute, partial
from sparse_heads import NETWORKS, macs
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


@pytest.mark.parametrize("network", NETWORKS)
def test_the_benchmark_s_heads_are_a_real_share_of_their_networks(
    network: tuple[int, int, int],
) -> None:
    whole, head, sparse = macs(*network)
    assert head >= 0.3 * whole
    assert sparse < 0.7 * whole


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("batch", [1, 9])
def test_the_sparse_head_evaluates_as_its_dense_mixture(k: int, batch: int) -> None:
    model = built("sparse", experts=8, top_k=k).double().eval()
    images = torch.randn(batch, 3, 32, 32, dtype=torch.float64)
    torch.testing.assert_close(model(images), model.routed(images).logits, rtol=0, atol=1e-12)


def test_the_sparse_head_runs_the_chosen_experts_alone() -> None:
    model = built("sparse", experts=8).eval()
    images = torch.randn(3, 3, 32, 32)
    [routing] = model.routed(images).layers
    assert routing.chosen.sum(1).tolist() == [2, 2, 2]
    runs: list[tuple[int, int]] = []
    run = model.experts.run
    model.experts.run = lambda expert, x: runs.append((expert, len(x))) or run(expert, x)
    model(images)
    assert runs == [(e, n) for e, n in enumerate(routing.chosen.sum(0).tolist()) if n]


@pytest.mark.parametrize("head", ["soft", "sparse"])
def test_a_mixture_names_its_experts(head: str) -> None:
    model = built(head, experts=4)
    assert model.expert_names == [("expert", str(n)) for n in range(4)]
    assert len(model.experts) == 4


class TestExperts:
    @pytest.fixture
    def experts(self) -> Any:
        torch.manual_seed(0)
        return partial("_mlp_experts").MlpExperts(3, D, 8, CLASSES).eval()

    def test_each_is_the_dense_head(self, experts: Any) -> None:
        x = torch.randn(5, D)
        together = experts(x)
        assert together.shape == (3, 5, CLASSES)
        for e in range(3):
            dense = partial("_mlp").mlp(D, 8, CLASSES).eval()
            values = (
                experts.first[e].T,
                experts.first_bias.view(3, 8)[e],
                experts.second[e].T,
                experts.second_bias.view(3, CLASSES)[e],
            )
            with torch.no_grad():
                for parameter, value in zip(dense.parameters(), values, strict=True):
                    parameter.copy_(value)
            torch.testing.assert_close(together[e], dense(x))
            torch.testing.assert_close(experts.run(e, x), dense(x))

    def test_each_may_have_its_own_inputs(self, experts: Any) -> None:
        x = torch.randn(3, 5, D)
        alone = torch.stack([experts.run(e, x[e]) for e in range(3)])
        torch.testing.assert_close(experts(x), alone)

    def test_starts_as_the_dense_head(self, experts: Any) -> None:
        bounds = {"first": D**-0.5, "second": 8**-0.5}
        for name, parameter in experts.named_parameters():
            bound = bounds[name.removesuffix("_bias")]
            assert 0.8 * bound < float(parameter.detach().abs().max()) <= bound

    def test_drops_out_in_training_alone(self, experts: Any) -> None:
        x = torch.randn(5, D)
        assert torch.equal(experts(x), experts(x))
        assert not torch.equal(experts.train()(x), experts(x))


class TestNoisyTopK:
    """The sparse head's routing (arXiv 1701.06538), in training."""

    @pytest.fixture
    def model(self) -> Any:
        return built("sparse", experts=4).double().train()

    def test_weights_are_the_softmax_of_the_largest_logits(self, model: Any) -> None:
        routing = model.route(torch.randn(6, D, dtype=torch.float64))
        largest = routing.gate_logits.topk(2, dim=1)
        expected = torch.zeros(6, 4, dtype=torch.float64)
        expected.scatter_(1, largest.indices, largest.values.softmax(1))
        torch.testing.assert_close(routing.weights, expected)
        assert torch.equal(routing.kept, routing.weights > 0)
        assert torch.equal(routing.chosen, routing.kept)

    def test_weights_have_the_gradient_of_that_softmax(self, model: Any) -> None:
        logits = torch.tensor([[1.0, 3.0, 2.0, 0.0]], dtype=torch.float64, requires_grad=True)
        model.gate.noisy = lambda features: (logits, logits, logits)
        (gradient,) = torch.autograd.grad(model.route(logits).weights[0, 1], logits)
        p = float(logits.detach()[0, 1:3].softmax(0)[0])
        expected = [[0.0, p * (1 - p), -p * (1 - p), 0.0]]
        torch.testing.assert_close(gradient, torch.tensor(expected, dtype=torch.float64))

    def test_the_load_can_be_computed_from_the_routing(self, model: Any) -> None:
        """Equations 8 and 9: the chance that an expert is chosen if its noise alone is drawn anew,
        against 20,000 draws."""
        model.gate.drop.p = 0.0
        features = torch.randn(1, D, dtype=torch.float64)
        routing = model.route(features)
        for expert in range(4):
            others = routing.gate_logits.detach().clone()
            others[0, expert] = -torch.inf
            second = others.topk(2, dim=1).values[0, 1]
            margin = (routing.clean_logits[0, expert] - second) / routing.noise_scale[0, expert]
            chance = torch.special.ndtr(margin)
            draws = routing.clean_logits[0, expert] + routing.noise_scale[0, expert] * torch.randn(
                20_000, dtype=torch.float64
            )
            assert float((draws > second).double().mean()) == pytest.approx(
                float(chance.detach()), abs=0.02
            )
            wanted = (model.gate.score.weight, model.gate.noise.weight)
            for gradient in torch.autograd.grad(chance, wanted, retain_graph=True):
                assert float(gradient[expert].abs().sum()) > 0


def test_a_noisy_gate_is_noisy_in_training_alone() -> None:
    gate = partial("_full_precision", "_noisy_gate").NoisyGate(D, 4)
    gate.drop.p = 0.0
    x = torch.randn(2000, D)
    assert torch.equal(gate.eval()(x), gate(x))
    noise = (gate.train()(x) - gate.score(x)).detach()
    scaled = noise / functional.softplus(gate.noise(x)).detach()  # standard normal
    assert abs(float(scaled.mean())) < 0.05
    assert float(scaled.std()) == pytest.approx(1.0, abs=0.05)


class TestSlots:
    """The slot head of arXiv 2308.00951, on a map of 16 tokens."""

    @pytest.fixture
    def model(self) -> Any:
        made = built("softmoe", experts=3, slots=2, hidden=8).double().eval()
        made.backbone = torch.nn.Identity()
        return made

    @pytest.fixture
    def x(self, model: Any) -> torch.Tensor:
        return torch.randn(2, D, 4, 4, dtype=torch.float64)

    def test_equals_a_loop_over_slots(self, model: Any, x: torch.Tensor) -> None:
        tokens = x.flatten(2).transpose(1, 2)
        scores = model.router(tokens).flatten(2)
        expected = torch.zeros(2, CLASSES, dtype=torch.float64)
        for image in range(2):
            for slot in range(6):
                mean = scores[image, :, slot].softmax(0) @ tokens[image]
                result = model.experts.run(slot // 2, mean.unsqueeze(0))[0]
                combine = scores[image].softmax(1)[:, slot]
                expected[image] += combine.mean() * result
        torch.testing.assert_close(model(x), expected, rtol=0, atol=1e-12)

    def test_scores_are_scaled_cosines(self, model: Any, x: torch.Tensor) -> None:
        tokens = x.flatten(2).transpose(1, 2)
        with torch.no_grad():
            model.router.scale.fill_(3.0)
        expected = 3 * functional.cosine_similarity(
            tokens.unsqueeze(2), model.router.slots.T[None, None], dim=3
        )
        torch.testing.assert_close(model.router(tokens).flatten(2), expected)

    def test_an_expert_s_probability_is_that_of_its_slots(
        self, model: Any, x: torch.Tensor
    ) -> None:
        [routing] = model.routed(x).layers
        scores = model.router(x.flatten(2).transpose(1, 2)).flatten(0, 1).flatten(1)
        combine = scores.softmax(1).unflatten(1, (3, 2)).sum(2)
        assert routing.probs.shape == (2 * 16, 3)
        torch.testing.assert_close(routing.probs, combine)
        assert routing.weights is routing.probs
        assert routing.kept.all()

    def test_the_order_of_tokens_does_not_matter(self, model: Any, x: torch.Tensor) -> None:
        moved = x.flatten(2)[:, :, torch.randperm(16)].unflatten(2, (4, 4))
        torch.testing.assert_close(model(moved), model(x))


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        (
            {"head": "sparse", "experts": 4, "top_k": 5},
            "top_k 5 is larger .* experts, 4",
        ),
        (
            {"head": "softmoe", "experts": 8, "slots": 3},
            "8 experts of 3 slots .* tokens, 16",
        ),
    ],
)
def test_settings_that_cannot_be(choices: dict[str, Any], reason: str) -> None:
    with pytest.raises(ProblemError, match=reason):
        source(**choices)


@pytest.mark.parametrize("head", ["soft", "sparse", "softmoe"])
@pytest.mark.parametrize("training", [True, False])
def test_a_gate_decides_in_full_precision(head: str, training: bool) -> None:
    model = built(head, experts=4).train(training)
    images = torch.randn(64, 3, 32, 32)
    with torch.autocast("cpu", torch.bfloat16):
        [layer] = model.routed(images).layers
    assert layer.gate_logits.dtype == torch.float32
    rounded = layer.gate_logits.bfloat16().float()
    assert (layer.gate_logits != rounded).float().mean() > 0.9
