"""The gate procedure: what is its alone."""

from typing import Any

import pytest
import torch
from train_samples import SOURCES, figures, same_state

from nas.data.batches import Data
from nas.schema import Recipe
from nas.train import BuildError, Procedure, load_model, procedure
from nas.train.seeding import seed_everything


class TestGate:
    """What is the gate's alone."""

    @staticmethod
    def begin(few: Data, source: str = "soft", **more: Any) -> Procedure:
        seed_everything(1, epoch=0)
        recipe = Recipe(**({"epochs": 2, "batch_size": 16} | more.pop("recipe", {})))
        model = load_model(SOURCES[source], 10)
        return procedure("gate")(model, few, recipe, device=torch.device("cpu"), seed=1, **more)

    @pytest.mark.parametrize("source", ["soft", "top1"])
    def test_experts_stay_as_they_are_bit_for_bit(self, few: Data, source: str) -> None:
        training = self.begin(few, source)
        experts = training.model.experts
        before = {name: t.clone() for name, t in experts.state_dict().items()}
        assert any("running_mean" in name for name in before)
        list(training.events())
        assert training.model.experts is experts
        assert same_state(experts.state_dict(), before)

    def test_given_logits_train_the_same_gate(self, few: Data) -> None:
        computing = self.begin(few)
        expected = [figures(epoch) for epoch in computing.events()]
        cached = {}
        model = load_model(SOURCES["soft"], 10)
        model.load_state_dict(computing.model.state_dict())
        model.eval()
        for split, name in ((few.train, "held"), (few.val, "val")):
            x = torch.cat([x for x, _ in split.batches(32)])
            with torch.no_grad():
                cached[name] = model.mixture(x).expert_logits
        given = self.begin(few, cached_logits=cached)
        calls: list[int] = []
        for expert in given.model.experts:
            expert.register_forward_hook(lambda *_: calls.append(1))
        seen = []
        for epoch in given.events():
            seen.append(figures(epoch))
            assert not any(module.training for module in given.model.modules())
        assert calls == []
        for one, other in zip(seen, expected, strict=True):
            assert one["val_acc"] == other["val_acc"]
            assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-4)

    def test_it_learns_whom_to_believe(self, few: Data) -> None:
        """One expert is always right, two say nothing."""
        cached = {}
        for split, name in ((few.train, "held"), (few.val, "val")):
            messages = torch.zeros(len(split), 3, 10)
            messages[torch.arange(len(split)), 1, split.labels] = 3.0
            cached[name] = messages
        training = self.begin(
            few, cached_logits=cached, recipe={"epochs": 12, "balance_weight": 0.0, "lr": 0.02}
        )
        first, *_, last = training.events()
        assert last.usage[1] > 0.6
        assert last.val_loss < first.val_loss

    def test_it_is_fitted_on_what_experts_have_not_seen(self, few: Data) -> None:
        held = Data(few.train, few.val, few.test, few.class_names, few.mean, few.std, held=few.test)
        training = self.begin(held)
        (epoch, _) = training.events()
        assert epoch.train_acc * len(few.test) == pytest.approx(
            round(epoch.train_acc * len(few.test))
        )

    def test_a_model_without_a_gate_is_refused(self, few: Data) -> None:
        with pytest.raises(BuildError, match="without a gate"):
            self.begin(few, "single")
