"""What every rendered file owes the training loop, tested over whatever is in templates/."""

import ast
import sys
from typing import Any

import pytest
import torch
from render_samples import GOLDEN, candidate, execute, variants

from nas.compute import LAYOUT
from nas.render import axes, render, template_hash, templates
from nas.schema import Candidate

CLASSES = 7

VARIANTS = [
    pytest.param(
        variant, id="-".join([name, *(f"{axis}={v}" for axis, v in variant.choices.items())])
    )
    for name in templates()
    for variant in variants(name)
] + [pytest.param(variant, id=name) for name, variant in GOLDEN.items()]


def images(variant: Candidate, count: int = 5) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    size = variant.image_size
    return torch.randn(count, variant.channels, size, size, generator=generator)


def settled(model: Any, variant: Candidate) -> Any:
    """The model at evaluation, with BatchNorm statistics that are not those it was born with."""
    model.train()
    with torch.no_grad():
        for _ in range(3):
            model(images(variant, 8) * 2 + 1)
    return model.eval()


@pytest.mark.parametrize("variant", VARIANTS)
class TestEveryTemplate:
    def test_is_one_readable_file_of_torch_and_timm(self, variant: Candidate) -> None:
        tree = ast.parse(render(variant))
        docstring = ast.get_docstring(tree) or ""
        assert "Shapes: B batch" in docstring
        for expert in variant.experts:
            assert expert.family in docstring
            assert expert.member.model in docstring
        imported = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                imported.add((node.module or "").split(".")[0])
        assert imported <= {"torch", "timm", *sys.stdlib_module_names}

    @pytest.mark.parametrize("layout", [torch.contiguous_format, LAYOUT], ids=str)
    def test_gives_logits_and_gradients(
        self, variant: Candidate, layout: torch.memory_format
    ) -> None:
        torch.manual_seed(0)
        model = execute(render(variant)).build(CLASSES).to(memory_format=layout)
        x = images(variant).contiguous(memory_format=layout)
        with torch.inference_mode():
            assert model.eval()(x).shape == (5, CLASSES)
        logits = model.train()(x)
        assert logits.shape == (5, CLASSES)
        assert logits.isfinite().all()
        torch.nn.functional.cross_entropy(logits, torch.arange(5)).backward()
        assert [n for n, p in model.named_parameters() if p.grad is None] == []

    def test_an_image_does_not_depend_on_its_batch_mates(self, variant: Candidate) -> None:
        torch.manual_seed(0)
        module = execute(render(variant))
        model = settled(module.build(CLASSES), variant)
        x = images(variant)
        with torch.inference_mode():
            together = model(x)
            alone = torch.cat([model(row) for row in x.split(1)])
            assert torch.equal(model(x), together)
        if getattr(module, "COUPLED", False):
            assert not torch.allclose(alone, together, rtol=1e-4, atol=1e-5)
        else:
            torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)

    def test_weights_go_into_a_second_build(self, variant: Candidate) -> None:
        module = execute(render(variant))
        torch.manual_seed(0)
        first = settled(module.build(CLASSES), variant)
        second = module.build(CLASSES).eval()
        second.load_state_dict(first.state_dict(), strict=True)
        with torch.inference_mode():
            assert torch.equal(first(images(variant)), second(images(variant)))

    def test_renders_the_same_text_every_time(self, variant: Candidate) -> None:
        backwards = variant.with_(choices=dict(reversed(variant.choices.items())))
        assert render(variant) == render(backwards)


MIXTURES = [
    p
    for p in VARIANTS
    if p.id not in GOLDEN and hasattr(execute(render(p.values[0])), "build_gate")
]


@pytest.mark.parametrize("variant", MIXTURES)
class TestEveryMixture:
    @pytest.fixture
    def model(self, variant: Candidate) -> Any:
        torch.manual_seed(0)
        return execute(render(variant)).build(CLASSES)

    @pytest.mark.parametrize("training", [True, False])
    def test_mixture_output(self, model: Any, variant: Candidate, training: bool) -> None:
        count = len(variant.experts)
        output = model.train(training).mixture(images(variant))
        assert output.logits.shape == (5, CLASSES)
        assert output.expert_logits.shape == (5, count, CLASSES)
        for gated in (output.weights, output.probs, output.gate_logits):
            assert gated.shape == (5, count)
        torch.testing.assert_close(output.probs, output.gate_logits.softmax(1))
        torch.testing.assert_close(output.weights.sum(1), torch.ones(5))
        mixed = torch.einsum("be,bec->bc", output.weights, output.expert_logits)
        torch.testing.assert_close(output.logits, mixed)

    def test_forward_equals_the_mixture_at_evaluation(self, model: Any, variant: Candidate) -> None:
        settled(model, variant)
        # Spread the gate, so that the images do not all go one way.
        with torch.no_grad():
            model.gate.head[-1].weight *= 30
            x = images(variant, 24) * torch.linspace(0.2, 3, 24).view(-1, 1, 1, 1)
            expected = model.mixture(x).logits
            torch.testing.assert_close(model(x), expected, rtol=1e-4, atol=1e-5)

    def test_names_its_experts_in_order(self, model: Any, variant: Candidate) -> None:
        assert model.expert_names == [(e.family, e.member.model) for e in variant.experts]
        assert len(model.experts) == len(variant.experts)
        for expert, inside in zip(variant.experts, model.experts, strict=True):
            assert inside.pretrained_cfg["architecture"] == expert.member.model

    def test_the_gate_alone_is_the_gate_inside(self, model: Any, variant: Candidate) -> None:
        alone = execute(render(variant)).build_gate()
        assert {k: v.shape for k, v in alone.state_dict().items()} == {
            k: v.shape for k, v in model.gate.state_dict().items()
        }
        assert alone.temperature.shape == ()

    def test_the_balance_loss_reaches_every_gate_parameter(
        self, model: Any, variant: Candidate
    ) -> None:
        probs = model.mixture(images(variant)).probs
        (probs.mean(0) ** 2).sum().backward()
        assert [n for n, p in model.gate.named_parameters() if p.grad is None] == []
        assert sum(p.grad.abs().sum() for p in model.gate.parameters()) > 0


ROUTING = [p for p in VARIANTS if "def routed(" in render(p.values[0])]


@pytest.mark.parametrize("variant", ROUTING)
class TestEveryNetworkThatRoutes:
    """The protocol of `templates/_routing.py.j2`, in float64."""

    @pytest.fixture
    def model(self, variant: Candidate) -> Any:
        torch.manual_seed(0)
        return settled(execute(render(variant)).build(CLASSES), variant).double()

    @pytest.fixture
    def x(self, variant: Candidate) -> torch.Tensor:
        return images(variant).double()

    @pytest.mark.parametrize("training", [True, False])
    def test_layers(self, model: Any, x: torch.Tensor, training: bool) -> None:
        logits, layers, _ = model.train(training).routed(x)
        assert logits.shape == (5, CLASSES)
        names = [layer.name for layer in layers]
        assert names
        assert len(set(names)) == len(names)
        for layer in layers:
            shape = layer.probs.shape
            assert len(shape) == 2, "tokens and experts"
            assert shape[0] % 5 == 0, "all images have as many tokens"
            for values in (layer.gate_logits, layer.weights, layer.chosen, layer.kept):
                assert values.shape == shape
            assert layer.chosen.dtype == layer.kept.dtype == torch.bool
            torch.testing.assert_close(layer.probs, layer.gate_logits.softmax(1))
            assert layer.chosen.any(dim=1).all()
            assert not (layer.kept & ~layer.chosen).any()
            assert (layer.weights[~layer.kept] == 0).all()
            assert layer.weights.isfinite().all()
            assert layer.slots is None or layer.kept.sum() <= layer.slots
            assert (layer.clean_logits is None) == (layer.noise_scale is None)
            if layer.clean_logits is not None:
                assert layer.clean_logits.shape == layer.noise_scale.shape == shape
                assert (layer.noise_scale > 0).all()
                assert torch.equal(layer.clean_logits, layer.gate_logits) != training

    def test_logits_of_experts_are_mixed_by_the_weights(self, model: Any, x: torch.Tensor) -> None:
        logits, layers, expert_logits = model.routed(x)
        if expert_logits is None:
            return
        [layer] = layers
        mixed = torch.einsum("be,bec->bc", layer.weights, expert_logits)
        torch.testing.assert_close(logits, mixed, rtol=0, atol=1e-12)

    @pytest.mark.parametrize("training", [True, False])
    def test_equals_forward(self, model: Any, x: torch.Tensor, training: bool) -> None:
        model.train(training)
        torch.manual_seed(1)
        expected = model(x)
        torch.manual_seed(1)
        torch.testing.assert_close(model.routed(x).logits, expected, rtol=0, atol=1e-12)

    def test_its_logits_have_the_gradient(self, model: Any, x: torch.Tensor) -> None:
        logits = model.train().routed(x).logits
        torch.nn.functional.cross_entropy(logits, torch.arange(5)).backward()
        assert [n for n, p in model.named_parameters() if p.grad is None] == []

    def test_a_loss_of_probs_reaches_every_parameter_of_the_gate(
        self, model: Any, x: torch.Tensor
    ) -> None:
        gates = model.parts()["gate"]
        parameters = [p for gate in gates for p in gate.parameters()]
        assert {id(p) for p in parameters} <= {id(p) for p in model.parameters()}
        sum((layer.probs**2).sum() for layer in model.train().routed(x).layers).backward()
        for gate in gates:
            assert [n for n, p in gate.named_parameters() if p.grad is None] == []
            assert sum(p.grad.abs().sum() for p in gate.parameters()) > 0

    def test_refuses_unknown_knobs(self, model: Any) -> None:
        if hasattr(model, "set_knobs"):
            with pytest.raises(TypeError):
                model.set_knobs(no_such_knob=1.0)


@pytest.mark.parametrize("name", templates())
class TestEveryTemplateName:
    def test_hash(self, name: str) -> None:
        assert len(template_hash(name)) == 16
        assert int(template_hash(name), 16) >= 0

    def test_defaults_are_what_is_rendered_without_choices(self, name: str) -> None:
        plain = next(iter(variants(name)))
        defaults = {axis.name: axis.default for axis in axes(name).values()}
        assert render(plain) == render(plain.with_(choices=defaults))


def test_the_templates_that_campaigns_rely_on() -> None:
    assert {"moe4", "single"} <= set(templates())
    assert axes("single") == {}
    assert axes("moe4")["mixing"].values == ("soft", "top1", "top2")


@pytest.mark.parametrize(("mixing", "runs"), [("soft", 4), ("top1", 1), ("top2", 2)])
def test_experts_run_on_the_images_that_chose_them(mixing: str, runs: int) -> None:
    torch.manual_seed(0)
    model = execute(render(candidate(mixing=mixing))).build(CLASSES)
    seen: list[int] = []
    for expert in model.experts:
        expert.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    x = torch.randn(6, 3, 32, 32)
    model.train()(x)
    assert seen == [6, 6, 6, 6], "in training all experts run on all images"
    seen.clear()
    model.eval()(x)
    assert sum(seen) == 6 * runs
    seen.clear()
    model(x[:1])
    assert seen == [1] * runs


@pytest.mark.parametrize("mixing", ["top1", "top2"])
def test_training_masks_the_weights_outside_the_top_k(mixing: str) -> None:
    torch.manual_seed(0)
    model = execute(render(candidate(mixing=mixing))).build(CLASSES)
    output = model.mixture(torch.randn(6, 3, 32, 32))
    k = int(mixing[-1])
    assert (output.weights > 0).sum(1).tolist() == [k] * 6
    kept = output.probs.topk(k, dim=1)
    expected = torch.zeros(6, 4).scatter(1, kept.indices, kept.values / kept.values.sum(1, True))
    torch.testing.assert_close(output.weights, expected)
