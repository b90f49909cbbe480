"""Growth: when it happens, and what it does to the network and its optimizer."""

from math import log
from typing import Any

import pytest
import torch
from train_samples import GROWING, SOURCES

from nas.data.batches import Data
from nas.faults import BuildError
from nas.schema import Recipe
from nas.train import load_model, procedure
from nas.train.scoring import Score, score
from nas.train.seeding import seed_everything

CPU = torch.device("cpu")
FORCED = {"window": 1, "min_gain": 1.0, "cooldown": 5, "target": 1.0}
"""Never enough gain: each epoch but the first would trigger it."""


def start(few: Data, source: str = GROWING, **recipe: Any) -> Any:
    seed_everything(3, epoch=0)
    values: dict[str, Any] = {"procedure": "growth", "epochs": 6, "batch_size": 10, "lr": 3e-3}
    model = load_model(source, 10)
    return procedure("growth")(model, few, Recipe(**(values | recipe)), device=CPU, seed=3)


def grown_at(training: Any) -> list[int]:
    return [
        epoch.epoch
        for epoch in training.events()
        for event in epoch.events
        if event.kind == "growth"
    ]


class TestWhen:
    def test_cooldown(self, few: Data, monkeypatch: pytest.MonkeyPatch) -> None:
        """Triggers in each of 20 epochs, the first too: growth at 1, 7, 13 and 19 only."""
        training = start(few, epochs=20, settings=FORCED)
        training._accs = [0.0]  # as after an epoch before the first
        assert grown_at(training) == [1, 7, 13, 19]
        assert training.experts == 6

    def test_not_once_the_target_is_met(self, few: Data) -> None:
        training = start(few, settings=FORCED | {"cooldown": 0, "target": 0.0})
        assert grown_at(training) == []

    def test_not_without_a_plateau(self, few: Data) -> None:
        training = start(few, settings=FORCED | {"cooldown": 0, "min_gain": -1.0})
        assert grown_at(training) == []

    def test_never_more_than_the_maximum(self, few: Data) -> None:
        training = start(few, settings=FORCED | {"cooldown": 0, "max_experts": 4})
        assert grown_at(training) == [2, 3]
        assert training.experts == 4

    def test_not_after_the_last_epoch(self, few: Data) -> None:
        """Nothing would train it."""
        assert grown_at(start(few, settings=FORCED | {"cooldown": 0})) == [2, 3, 4, 5]

    @pytest.mark.parametrize(
        ("accs", "grows"),
        [
            ([0.90, 0.95, 0.95, 0.951], False),  # 5.1 points in the last three
            ([0.95, 0.95, 0.95, 0.953], True),
            ([0.95, 0.95, 0.95, 0.954], False),
            ([0.95, 0.94, 0.93, 0.92], True),
            ([0.95, 0.95, 0.95], False),  # nothing to compare with
            ([0.95, 0.97, 0.95, 0.95, 0.95], False),  # the target was met
        ],
    )
    def test_plateau(self, few: Data, accs: list[float], grows: bool) -> None:
        training = start(few, epochs=20, settings={"target": 0.965})
        training._accs = accs
        assert (training.why_grow(len(accs)) is not None) is grows

    def test_the_reason_is_recorded(self, few: Data) -> None:
        training = start(few, settings=FORCED)
        [event] = [event for epoch in training.events() for event in epoch.events]
        assert event.reason.startswith("best accuracy ")
        assert event.reason.endswith(" points in 1 epoch")
        assert "below the target of 100.0%" in event.reason
        assert event.data["experts"] == 3
        assert event.data["expert"] in (0, 1)
        assert event.step == 2 * few.train.steps(10)


class TestTheNetwork:
    @pytest.fixture
    def model(self) -> Any:
        torch.manual_seed(0)
        return load_model(GROWING, 10).double().eval()

    def soft(self, model: Any, x: torch.Tensor) -> torch.Tensor:
        out = model.routed(x)
        return (out.layers[0].probs.unsqueeze(2) * out.expert_logits).sum(dim=1)

    def test_a_copy_equals_its_parent_and_halves_its_share(self, model: Any) -> None:
        x = torch.randn(20, 1, 16, 16, dtype=torch.float64)
        before, mixed = model.routed(x), self.soft(model, x)
        model.grow(1)
        after = model.routed(x)
        for now, then in ((2, 1), (1, 1), (0, 0)):
            same = after.expert_logits[:, now], before.expert_logits[:, then]
            torch.testing.assert_close(*same, rtol=0, atol=1e-12)
        old, new = before.layers[0], after.layers[0]
        torch.testing.assert_close(new.probs[:, 1], old.probs[:, 1] / 2, rtol=0, atol=1e-12)
        torch.testing.assert_close(new.probs[:, 2], old.probs[:, 1] / 2, rtol=0, atol=1e-12)
        halved = new.gate_logits[:, 1:] - old.gate_logits[:, 1:]
        torch.testing.assert_close(halved, torch.full_like(halved, -log(2)), rtol=0, atol=1e-12)
        torch.testing.assert_close(self.soft(model, x), mixed, rtol=0, atol=1e-12)

    def test_noise_is_in_units_of_each_parameter(self, model: Any) -> None:
        first = model.experts.first.detach().clone()
        model.grow(0, noise=0.5, seed=1)
        size = len(first) // 2
        change = model.experts.first.detach()[-size:] - first[:size]
        assert float(change.std() / first.std()) == pytest.approx(0.5, rel=0.1)

    def test_a_fresh_one_has_small_router_weights(self, model: Any) -> None:
        bias = model.router.score.bias.detach().clone()
        spread = float(model.router.score.weight.detach().std())
        model.grow(0, fresh=True, seed=1)
        assert torch.equal(model.router.score.bias[:2], bias)
        assert model.router.score.bias.tolist()[2] == 0
        assert float(model.router.score.weight.detach()[2].std()) == pytest.approx(
            0.1 * spread, rel=0.2
        )

    def test_structure_builds_what_has_grown(self, model: Any) -> None:
        model.grow(0, noise=1)
        model.grow(2, noise=1)
        assert model.structure() == {"experts": 4}
        again = load_model(GROWING, 10, model.structure()).double().eval()
        again.load_state_dict(model.state_dict(), strict=True)
        x = torch.randn(5, 1, 16, 16, dtype=torch.float64)
        assert torch.equal(again(x), model(x))
        assert len(model.expert_names) == 4

    def test_the_offset_only_chooses(self, model: Any) -> None:
        x = torch.randn(50, 1, 16, 16, dtype=torch.float64)
        model.k = 1
        model.router.rate = 0.01
        model.train()
        for _ in range(200):
            routing = model.routed(x).layers[0]
        shares = routing.chosen.double().mean(0)
        assert shares.tolist() == pytest.approx([0.5, 0.5], abs=0.1)
        assert float(model.router.offset[0]) < 0 < float(model.router.offset[1])
        torch.testing.assert_close(routing.probs, routing.gate_logits.softmax(1))
        offset = model.router.offset.clone()
        model.eval().routed(x)
        assert torch.equal(model.router.offset, offset)


def test_the_optimizer_grows_with_it(few: Data) -> None:
    training = start(few, settings=FORCED | {"noise": 0.0})
    seen: list[Any] = []
    grow = training._grow

    def watched(parent: int, epoch: int) -> None:
        moments = {
            name: training.optimizer.state[p]["exp_avg"].clone()
            for name, p in training.model.named_parameters()
        }
        grow(parent, epoch)
        seen.append((parent, moments))

    training._grow = watched
    events = training.events()
    next(events), next(events)
    [(parent, moments)] = seen
    grouped = [p for group in training.optimizer.param_groups for p in group["params"]]
    parameters = dict(training.model.named_parameters())
    assert sorted(map(id, grouped)) == sorted(map(id, parameters.values())), "each of them once"
    assert set(map(id, training.optimizer.state)) == set(map(id, grouped))
    for name, parameter in parameters.items():
        state = training.optimizer.state[parameter]
        size = len(parameter) // 3
        old = moments[name]
        assert torch.equal(state["exp_avg"][: 2 * size], old)
        assert torch.equal(state["exp_avg"][-size:], old[parent * size : (parent + 1) * size])
        assert state["exp_avg_sq"].shape == parameter.shape
        assert float(state["step"]) == 2 * few.train.steps(10)
    moved = training.model.experts.first.detach().clone()
    next(events)
    assert not torch.equal(training.model.experts.first[-5:], moved[-5:]), "it trains"


def test_shares_of_all_experts_are_measured(few: Data) -> None:
    training = start(few, settings=FORCED)
    for epoch in training.events():
        experts = 2 if epoch.epoch <= 2 else 3
        [shares] = [
            metric.value
            for metric in epoch.metrics
            if (metric.name, metric.split) == ("expert_shares", "val")
        ]
        assert isinstance(shares, tuple)
        assert len(shares) == experts
        assert sum(shares) == pytest.approx(1)
    final: Score = score(training.model, few.val, 20, compute=training.compute)
    [layer] = final.routing.values()
    assert sum(layer.chosen) == 2 * len(few.val), "top-2: uses add up to 2"


def test_a_model_that_cannot_grow_is_refused(few: Data) -> None:
    with pytest.raises(BuildError, match="needs a model that can grow"):
        start(few, SOURCES["soft"])


def test_fewer_experts_than_it_begins_with_are_refused(few: Data) -> None:
    with pytest.raises(BuildError, match="max_experts is 1, and it begins with 2 experts"):
        start(few, GROWING, settings={"max_experts": 1})
