"""What a recipe changes while a network trains: rates, clipping, knobs, weights of losses."""

from math import sqrt

import pytest
import torch
from torch import nn
from torch.optim import SGD
from train_samples import LAYERS, MIXTURE

from nas.data.batches import Data
from nas.moe import Routing
from nas.schema import Epoch, Recipe
from nas.train import BuildError, load_model, procedure
from nas.train.knobs import Knobs
from nas.train.objective import AuxiliaryLosses
from nas.train.optimizer import build_optimizer, clip, factors, gate_parameters, schedule


def test_sgd_has_the_same_groups() -> None:
    model = load_model(MIXTURE, 10)
    ours = build_optimizer(model, Recipe(optimizer="sgd", momentum=0.8, weight_decay=0.5))
    assert isinstance(ours, SGD)
    assert {group["momentum"] for group in ours.param_groups} == {0.8}
    other = build_optimizer(model, Recipe(weight_decay=0.5, beta2=0.98))
    assert {group["betas"] for group in other.param_groups} == {(0.9, 0.98)}
    assert [(g["part"], g["weight_decay"], len(g["params"])) for g in ours.param_groups] == [
        (g["part"], g["weight_decay"], len(g["params"])) for g in other.param_groups
    ]


CPU = torch.device("cpu")


class TestFactors:
    def test_by_default_all_parts_follow_warm_up_and_cosine(self) -> None:
        recipe = Recipe(warmup=0.1)
        for step in (0, 5, 50, 99):
            expected = schedule(step, 100, 0.1)
            assert factors(step, 100, recipe) == {"experts": expected, "gate": expected}

    def test_steps_of_the_source_s_sgd(self) -> None:
        # After 30 and 40 of 50 epochs, each time to a tenth.
        recipe = Recipe(schedule=[[0.6, 1], [0.6, 0.1], [0.8, 0.1], [0.8, 0.01]])
        found = [factors(epoch, 50, recipe)["experts"] for epoch in (0, 29, 30, 39, 40, 49)]
        assert found == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])

    def test_a_gate_that_starts_later(self) -> None:
        recipe = Recipe(gate_schedule=[[0, 0], [0.5, 0], [0.75, 1]])
        found = [factors(step, 8, recipe)["gate"] for step in range(8)]
        assert found == pytest.approx([0, 0, 0, 0, 0, 0.5, 1, 1])
        assert factors(2, 8, recipe)["experts"] == schedule(2, 8, recipe.warmup)


class TestClip:
    @staticmethod
    def clipped(recipe: Recipe) -> tuple[float, float]:
        model = load_model(MIXTURE, 10)
        for parameter in model.parameters():
            parameter.grad = torch.ones_like(parameter)
        clip(build_optimizer(model, recipe), recipe)
        gate = gate_parameters(model)
        squares = {id(p): float(p.grad.square().sum()) for p in model.parameters()}  # type: ignore[union-attr]
        of_gate = sum(squares[id(p)] for p in gate)
        return sqrt(sum(squares.values()) - of_gate), sqrt(of_gate)

    def test_together(self) -> None:
        rest, gate = self.clipped(Recipe(clip_norm=0.5))
        assert rest**2 + gate**2 == pytest.approx(0.25, rel=1e-4)

    def test_the_gate_by_itself(self) -> None:
        found = self.clipped(Recipe(clip_norm=1.5, gate_clip_norm=0.5))
        assert found == pytest.approx((1.5, 0.5), rel=1e-4)

    def test_not_at_all(self) -> None:
        rest, gate = self.clipped(Recipe(clip_norm=None))
        assert rest > 10
        assert gate > 10
        assert self.clipped(Recipe(clip_norm=None, gate_clip_norm=0.5)) == pytest.approx(
            (rest, 0.5), rel=1e-4
        )

    def test_what_does_not_train_is_left_alone(self) -> None:
        """Of a gate over frozen experts too, the gate has a norm of its own."""
        model = load_model(MIXTURE, 10)
        model.experts.requires_grad_(False)  # type: ignore[union-attr]
        recipe = Recipe(gate_clip_norm=0.5)
        optimizer = build_optimizer(model, recipe)
        for parameter in gate_parameters(model):
            parameter.grad = torch.ones_like(parameter)
        clip(optimizer, recipe)
        squares = [float(p.grad.square().sum()) for p in gate_parameters(model)]  # type: ignore[union-attr]
        assert sum(squares) ** 0.5 == pytest.approx(0.5, rel=1e-4)


class TestKnobs:
    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[float] = []

        def set_knobs(self, *, temperature: float) -> None:
            self.seen.append(temperature)

    def test_they_follow_their_ramps_and_are_set_when_they_change(self) -> None:
        model = self.Turned()
        knobs = Knobs(model, Recipe(knobs={"temperature": [[0.5, 2.0], [1, 1.0]]}))
        for share in (0, 0.25, 0.5, 0.75):
            knobs.at(share)
        assert model.seen == [2.0, 1.5]

    def test_one_that_the_model_does_not_have(self) -> None:
        with pytest.raises(BuildError, match="heat"):
            Knobs(self.Turned(), Recipe(knobs={"heat": 1})).at(0)

    def test_a_model_without_any_ignores_them(self) -> None:
        Knobs(nn.Linear(1, 1), Recipe(knobs={"temperature": 1})).at(0)


class TestAuxiliaryLosses:
    @staticmethod
    def layer(*probs: list[float]) -> Routing:
        logits = torch.tensor(probs).log()
        return Routing.dense("gate", logits, logits.softmax(1), logits.softmax(1))

    def test_layers_are_added_up_and_recorded_as_a_mean(self) -> None:
        # Sure of one expert each: balance 2·(1+0) = 2, kl ln 2; undecided: 1 and 0.
        layers = [self.layer([1.0, 0.0]), self.layer([0.5, 0.5])]
        losses = AuxiliaryLosses(Recipe(balance_weight=0.5, losses={"kl": 2.0}))
        total, each = losses(layers, share=0.0)
        assert losses.names == ("balance", "kl")
        assert each.tolist() == pytest.approx([1.5, 0.5 * 0.6931472])
        assert total.item() == pytest.approx(0.5 * 3 + 2 * 0.6931472)

    def test_a_loss_without_weight_is_none(self) -> None:
        """That of a control: it may not even be defined for its network."""
        losses = AuxiliaryLosses(Recipe(balance_weight=0, losses={"load": 0.0}))
        assert losses.names == ("balance",)
        total, each = losses([self.layer([1.0, 0.0])], share=0.5)
        assert total.item() == 0
        assert each.tolist() == pytest.approx([2])

    def test_one_whose_weight_is_0_at_present_gives_no_gradient(self) -> None:
        logits = torch.zeros(1, 2, requires_grad=True)
        layer = Routing.dense("gate", logits, logits.softmax(1), logits.softmax(1))
        losses = AuxiliaryLosses(Recipe(balance_weight=0, losses={"z": [[0.5, 0], [0.5, 1]]}))
        total, each = losses([layer], share=0.2)
        assert not total.requires_grad
        assert each.tolist() == pytest.approx([1, 0.6931472**2])
        total, _ = losses([layer], share=0.5)
        assert total.requires_grad

    def test_weights_follow_ramps(self) -> None:
        ramp = [[0.2, 0.0], [0.2, 1.0], [1.0, 3.0]]
        losses = AuxiliaryLosses(Recipe(balance_weight=ramp))
        layer = self.layer([0.5, 0.5])  # whose balance loss is 1
        found = [losses([layer], share)[0].item() for share in (0.0, 0.1, 0.2, 0.6, 1.0)]
        assert found == pytest.approx([0, 0, 1, 2, 3])


class TestEpochs:
    """What a network with two layers that route reports."""

    @pytest.fixture
    def epochs(self, few: Data) -> list[Epoch]:
        recipe = Recipe(
            epochs=2,
            batch_size=20,
            losses={"z": 0.1},
            knobs={"temperature": [[0, 2], [1, 1]]},
            score_training=True,
        )
        self.model = load_model(LAYERS, 10)
        joint = procedure("joint")
        return list(joint(self.model, few, recipe, device=CPU, seed=0).events())

    def test_metrics_of_every_layer_and_split(self, epochs: list[Epoch]) -> None:
        for epoch in epochs:
            found = {(m.split, m.layer): set() for m in epoch.metrics}
            for metric in epoch.metrics:
                found[metric.split, metric.layer].add(metric.name)
            assert set(found) == {
                ("train", ""),
                *((split, layer) for split in ("train", "val") for layer in ("first", "second")),
            }
            assert {"loss_balance", "loss_z"} <= found["train", ""]
            assert {"drop_rate", "cap_ratio", "spec_entropy"} <= found["val", "second"]

    def test_one_expert_s_share_has_no_column_where_there_are_layers(
        self, epochs: list[Epoch]
    ) -> None:
        assert epochs[-1].usage == ()
        entropies = [
            m.value for m in epochs[-1].metrics if (m.split, m.name) == ("val", "gate_entropy")
        ]
        assert epochs[-1].gate_entropy == pytest.approx(sum(entropies) / 2)  # type: ignore[arg-type]

    def test_the_training_images_are_scored_after_the_last_epoch(self, epochs: list[Epoch]) -> None:
        names = [{m.name for m in epoch.metrics} for epoch in epochs]
        assert "clean_acc" not in names[0]
        assert {"clean_acc", "clean_loss"} <= names[1]

    def test_knobs_end_where_their_ramp_ends(self, epochs: list[Epoch]) -> None:
        # 10 steps: the last begins at .9 of training.
        assert len(epochs) == 2
        assert self.model.layers[0].temperature.item() == pytest.approx(1.1)  # type: ignore[index, union-attr]
