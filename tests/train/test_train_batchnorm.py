"""BatchNorm after few steps: what gave the published MNASNet its .218."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from nas.compute import Compute
from nas.data.batches import Data, Split
from nas.faults import NonFiniteLossError
from nas.schema import Recipe
from nas.train import load_model, loop, procedure, score
from nas.train.batchnorm import IMAGES, reestimate
from nas.train.seeding import seed_everything

CPU = torch.device("cpu")
COMPUTE = Compute(CPU)

SLOW_NORMS = """
from torch import nn

def build(num_classes):
    layers, width = [], 1
    for _ in range(3):
        layers += [
            nn.Conv2d(width, 12, 3, padding=1, bias=False),
            nn.BatchNorm2d(12, momentum=3e-4),
            nn.ReLU(),
        ]
        width = 12
    head = [nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(192, num_classes)]
    return nn.Sequential(*layers, *head)
"""
"""MNASNet's momentum: after 68 steps running statistics have moved 2 % from their initial 0, 1."""


def trained(data: Data) -> tuple[nn.Module, float]:
    """Two epochs on the digits: the model and its validation accuracy."""
    seed_everything(3, epoch=0)
    recipe = Recipe(epochs=2, batch_size=32, lr=5e-3, mixup_alpha=0)
    training = procedure("joint")(load_model(SLOW_NORMS, 10), data, recipe, device=CPU, seed=3)
    *_, last = training.events()
    return training.model, last.val_acc


@torch.no_grad()
def accuracy_with_batch_statistics(model: nn.Module, split: Split) -> float:
    """What the network computes while it trains: every batch normalised by itself."""
    model.train()
    hits = sum(int((model(x).argmax(1) == labels).sum()) for x, labels in split.batches(180))
    return hits / len(split)


def test_few_steps_at_a_slow_momentum_evaluate_properly(
    digits: Data, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, acc = trained(digits)
    assert acc > 0.85
    assert acc > accuracy_with_batch_statistics(model, digits.val) - 0.03

    def unguarded(model: nn.Module, *_: Any, **__: Any) -> None:
        model.eval()

    monkeypatch.setattr(loop, "reestimate", unguarded)
    control, bad = trained(digits)
    # The control learnt as well; only its evaluation is wrong.
    assert accuracy_with_batch_statistics(control, digits.val) > 0.85
    assert bad < acc - 0.2


class _Fixed(Split):
    """Batches as given, whatever is asked for."""

    def __init__(self, batches: list[torch.Tensor]) -> None:
        self.given = batches
        self.labels = torch.zeros(sum(len(x) for x in batches), dtype=torch.int64)
        self.served = 0

    def subset(self, index: torch.Tensor) -> Split:
        raise NotImplementedError

    def batches(self, *_: Any, **__: Any) -> Any:
        for x in self.given:
            self.served += 1
            yield x, torch.zeros(len(x), dtype=torch.int64)


def refresh(model: nn.Module, split: Split, batch_size: int = 2) -> None:
    reestimate(
        model,
        split,
        batch_size,
        compute=COMPUTE,
        generator=torch.Generator().manual_seed(0),
        tick=lambda: None,
    )


def test_statistics_by_hand() -> None:
    # Two batches of one channel: (0, 2) has mean 1, unbiased variance 2; (4, 10) has 7 and 18.
    # Their averages: mean 4, variance 10, whatever was there before.
    norm = nn.BatchNorm2d(1, momentum=3e-4)
    with torch.no_grad():
        norm.running_mean.fill_(99)  # type: ignore[union-attr]
    shape = (2, 1, 1, 1)
    refresh(
        norm,
        _Fixed([torch.tensor([0.0, 2.0]).view(shape), torch.tensor([4.0, 10.0]).view(shape)]),
    )
    assert norm.running_mean.tolist() == [4.0]  # type: ignore[union-attr]
    assert norm.running_var.tolist() == [10.0]  # type: ignore[union-attr]
    assert norm.momentum == 3e-4
    assert not norm.training


def test_only_batchnorm_runs_in_training_mode() -> None:
    model = nn.Sequential(nn.Dropout(1.0), nn.BatchNorm2d(1))
    x = torch.arange(4.0).view(4, 1, 1, 1)
    refresh(model, _Fixed([x]), batch_size=4)
    # Dropout of everything would have left mean 0.
    assert model[1].running_mean.tolist() == [1.5]  # type: ignore[union-attr]


def test_a_mixture_s_experts_see_every_image() -> None:
    class Routed(nn.Module):
        """At evaluation only the first expert runs."""

        def __init__(self) -> None:
            super().__init__()
            self.experts = nn.ModuleList([nn.BatchNorm2d(1), nn.BatchNorm2d(1)])
            self.gate = nn.Linear(1, 2)

        def mixture(self, x: torch.Tensor) -> SimpleNamespace:
            each = torch.stack([expert(x).flatten(1) for expert in self.experts], dim=1)
            gate, even = torch.zeros(len(x), 2), torch.full((len(x), 2), 0.5)
            return SimpleNamespace(
                logits=each.mean(1),
                gate_logits=gate,
                probs=even,
                weights=even,
                expert_logits=each,
            )

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.experts[0](x)  # type: ignore[no-any-return]

    model = Routed()
    refresh(model, _Fixed([torch.full((2, 1, 1, 1), 5.0)]))
    assert [float(expert.running_mean) for expert in model.experts] == [5.0, 5.0]  # type: ignore[arg-type]


def test_its_cost_is_bounded() -> None:
    batches = _Fixed([torch.ones(64, 1, 1, 1)] * 100)
    refresh(nn.BatchNorm2d(1), batches, batch_size=64)
    assert batches.served == IMAGES // 64
    unused = _Fixed([torch.ones(64, 1, 1, 1)] * 100)
    refresh(nn.LayerNorm(1), unused, batch_size=64)
    assert unused.served == 0


def test_scores_do_not_depend_on_the_batch_size(digits: Data) -> None:
    model, _ = trained(digits)
    one, other = (score(model, digits.test, size, compute=COMPUTE) for size in (17, 359))
    assert one.acc == other.acc
    assert one.loss == pytest.approx(other.loss, rel=1e-5)


class TestWhereValidationDecides:
    """Elsewhere the running averages do for a curve, and the trained model is the same."""

    def train(
        self, data: Data, monkeypatch: pytest.MonkeyPatch, rungs: tuple[int, ...]
    ) -> tuple[nn.Module, list[int], list[float]]:
        """The model, the epochs that ended with a re-estimate, and every validation loss."""
        renewed: list[int] = []

        def watched(*args: Any, **kwargs: Any) -> None:
            renewed.append(training.epoch + 1)
            reestimate(*args, **kwargs)

        monkeypatch.setattr(loop, "reestimate", watched)
        seed_everything(3, epoch=0)
        recipe = Recipe(epochs=3, batch_size=32, lr=5e-3, mixup_alpha=0)
        model = load_model(SLOW_NORMS, 10)
        training = procedure("joint")(model, data, recipe, device=CPU, seed=3, rungs=rungs)
        losses = [epoch.val_loss for epoch in training.events()]
        return training.model, renewed, losses

    def test_statistics_are_set_right_at_rungs_and_at_the_end(
        self, few: Data, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        everywhere, renewed, all_losses = self.train(few, monkeypatch, (1, 2))
        assert renewed == [1, 2, 3]
        once, renewed, losses = self.train(few, monkeypatch, ())
        assert renewed == [3]
        assert losses[2] == all_losses[2]
        assert losses[:2] != all_losses[:2]
        expected = everywhere.state_dict()
        assert all(torch.equal(x, expected[name]) for name, x in once.state_dict().items())
        _, renewed, losses = self.train(few, monkeypatch, (2,))
        assert renewed == [2, 3]
        assert losses[1:] == all_losses[1:]

    def test_averages_that_give_no_number_are_set_right_rather_than_held_against_the_model(
        self, few: Data, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        renewed: list[int] = []

        def overflowing(*args: Any, **kwargs: Any) -> Any:
            if len(renewed) == len(scored):
                raise NonFiniteLossError("the evaluation loss is inf")
            scored.append(score(*args, **kwargs))
            return scored[-1]

        def watched(*args: Any, **kwargs: Any) -> None:
            renewed.append(1)
            reestimate(*args, **kwargs)

        scored: list[Any] = []
        monkeypatch.setattr(loop, "score", overflowing)
        monkeypatch.setattr(loop, "reestimate", watched)
        recipe = Recipe(epochs=3, batch_size=32, lr=5e-3, mixup_alpha=0)
        model = load_model(SLOW_NORMS, 10)
        training = procedure("joint")(model, few, recipe, device=CPU, seed=3)
        assert [epoch.val_loss for epoch in training.events()] == [val.loss for val in scored]
        assert len(renewed) == 3
