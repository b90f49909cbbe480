"""The contract of training procedures, run over every procedure there is."""

import io
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from train_samples import SOURCES

from nas.data.split import Data, Split, TensorSplit
from nas.spec import Epoch, ProblemError, Recipe
from nas.train import (
    BuildError,
    NonFiniteLossError,
    Procedure,
    load_model,
    procedure,
    procedure_names,
)
from nas.train.seeding import seed_everything

CPU = torch.device("cpu")
Start = Callable[..., Procedure]
TIMES = {"seconds", "images_per_second", "peak_memory_bytes"}


def figures(epoch: Epoch) -> dict[str, Any]:
    """All but what depends on the machine."""
    return epoch.model_dump(exclude=TIMES)


def same_state(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    loaded: dict[str, Any] = torch.load(file, weights_only=True)
    return loaded


KINDS = [
    (name, source)
    for name in procedure_names()
    for source in sorted(SOURCES)
    if (name, source) != ("gate", "single")  # which has none: see TestGate
]


@pytest.fixture(params=KINDS, ids="-".join)
def start(request: pytest.FixtureRequest, few: Data) -> Start:
    """Begins a training of one kind of model; keyword arguments change it."""
    name, source = request.param

    def begin(
        *,
        seed: int = 7,
        data: Data = few,
        tick: Callable[[], None] = lambda: None,
        micro_batches: int = 1,
        **recipe: Any,
    ) -> Procedure:
        settings = {"procedure": name, "epochs": 3, "batch_size": 20, "lr": 3e-3}
        seed_everything(seed, epoch=0)
        return procedure(name)(
            load_model(SOURCES[source], 10),
            data,
            Recipe(**(settings | recipe)),
            device=CPU,
            seed=seed,
            micro_batches=micro_batches,
            tick=tick,
        )

    return begin


def trained(training: Procedure) -> nn.Parameter:
    """A parameter that the procedure trains."""
    return next(p for p in training.model.parameters() if p.requires_grad)


class TestProcedureContract:
    def test_epochs_are_numbered_and_figures_are_in_range(self, start: Start) -> None:
        training = start()
        epochs = list(training.events())
        assert [epoch.epoch for epoch in epochs] == [1, 2, 3]
        assert training.epoch == 3
        for epoch in epochs:
            assert epoch.train_loss > 0
            assert epoch.val_loss > 0
            assert 0 <= epoch.train_acc <= 1
            assert epoch.val_acc * 40 == pytest.approx(round(epoch.val_acc * 40))
            assert epoch.images_per_second > 0
            assert epoch.seconds > 90 / epoch.images_per_second
            assert epoch.peak_memory_bytes > 10**7

    @pytest.mark.parametrize("after", [0, 1, 2, 3])
    def test_a_resumed_run_equals_an_uninterrupted_one(self, start: Start, after: int) -> None:
        whole = start()
        expected = [figures(epoch) for epoch in whole.events()]

        broken = start()
        events = broken.events()
        seen = [figures(next(events)) for _ in range(after)]
        state = through_a_file(broken.state_dict())
        del broken, events

        # The process does other things, and the new model starts from other weights.
        torch.rand(13)
        np.random.rand(5)
        random.random()
        resumed = start()
        with torch.no_grad():
            for parameter in resumed.model.parameters():
                parameter.add_(1)
        seen += [figures(epoch) for epoch in resumed.events(state)]

        assert seen == expected
        assert same_state(resumed.model.state_dict(), whole.model.state_dict())

    def test_the_seed_decides_and_nothing_else(self, start: Start) -> None:
        first, again, other = start(), start(), start(seed=8)
        # Two runs at once in one process do not disturb each other.
        for a, b in zip(first.events(), again.events(), strict=True):
            assert figures(a) == figures(b)
        assert same_state(first.model.state_dict(), again.model.state_dict())
        list(other.events())
        assert not same_state(first.model.state_dict(), other.model.state_dict())

    def test_what_trains_moves_and_the_model_is_left_in_evaluation_mode(self, start: Start) -> None:
        training = start()
        before = {name: p.detach().clone() for name, p in training.model.named_parameters()}
        events = training.events()
        next(events)
        assert not any(module.training for module in training.model.modules())
        for name, parameter in training.model.named_parameters():
            assert parameter.requires_grad is not torch.equal(parameter, before[name]), name

    def test_it_learns(self, start: Start) -> None:
        first, *_, last = start(epochs=10, mixup_alpha=0, label_smoothing=0).events()
        assert last.train_loss < 0.99 * first.train_loss

    @pytest.mark.parametrize("epochs", [1, 4])
    def test_the_rate_reaches_its_peak_and_falls_to_almost_nothing(
        self, start: Start, epochs: int
    ) -> None:
        training = start(epochs=epochs, batch_size=5)
        rates: list[float] = []
        training.tick = lambda: rates.append(training.optimizer.param_groups[0]["lr"])  # type: ignore[attr-defined]
        for epoch in training.events():
            assert rates[-1] in (pytest.approx(epoch.lr), pytest.approx(epoch.gate_lr))
        peak = training.optimizer.param_groups[0]["peak_lr"]  # type: ignore[attr-defined]
        assert max(rates) == pytest.approx(peak, rel=0.02)
        assert min(rates[: len(rates) // 2]) == pytest.approx(peak / 10)  # where warm-up starts
        assert rates[-1] < 0.03 * peak

    def test_a_loss_that_is_not_finite_is_a_typed_error(self, start: Start) -> None:
        training = start()
        with torch.no_grad():
            trained(training).fill_(float("nan"))
        with pytest.raises(NonFiniteLossError, match="epoch 1"):
            next(training.events())

    def test_a_gradient_that_is_not_finite_is_a_typed_error(self, start: Start) -> None:
        training = start()
        parameter = trained(training)
        parameter.register_hook(lambda gradient: gradient * float("inf"))
        with pytest.raises(NonFiniteLossError):
            next(training.events())

    def test_what_tick_raises_stops_training(self, start: Start) -> None:
        class EnoughError(Exception):
            pass

        calls = 0

        def tick() -> None:
            nonlocal calls
            calls += 1
            if calls == 3:
                raise EnoughError

        with pytest.raises(EnoughError):
            next(start(tick=tick).events())
        assert calls == 3

    def test_the_test_set_is_never_touched(self, start: Start, few: Data) -> None:
        class Forbidden(Split):
            labels = few.test.labels

            def batches(self, *_: object, **__: object) -> Any:
                raise AssertionError("training looked at the test set")

        data = Data(few.train, few.val, Forbidden(), few.class_names, few.mean, few.std)
        assert len(list(start(data=data).events())) == 3

    def test_micro_batches_of_a_batch_too_small_for_them(self, start: Start) -> None:
        # Pieces of one image would stop BatchNorm where maps are 1×1: 4 images make 2 pieces.
        sizes: list[int] = []
        training = start(batch_size=4, micro_batches=4, epochs=1)
        training.model.register_forward_pre_hook(lambda _, x: sizes.append(len(x[0])))
        for norm in training.model.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.register_forward_pre_hook(lambda _, x: sizes.append(len(x[0])))
        (epoch,) = training.events()
        assert epoch.train_loss > 0
        assert min(sizes) >= 2

    def test_no_batch_norm_trains_on_one_image(self, start: Start, few: Data) -> None:
        # 9 images in pairs: the ninth goes with the last pair, sparse experts or not.
        first = TensorSplit(few.train.images[:9], few.train.labels[:9], few.train._prepare)  # type: ignore[attr-defined]
        data = Data(first, few.val, few.test, few.class_names, few.mean, few.std)
        training = start(data=data, batch_size=2, epochs=1)
        sizes: list[int] = []
        for norm in training.model.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.register_forward_pre_hook(
                    lambda module, x: sizes.append(len(x[0])) if module.training else None
                )
        (epoch,) = training.events()
        assert epoch.train_acc * 9 == pytest.approx(round(epoch.train_acc * 9))  # a mean of images
        if training.recipe.procedure == "joint":
            assert sizes.count(3) >= 1
        assert all(size >= 2 for size in sizes)


def test_an_unknown_procedure_gets_the_nearest_right_name() -> None:
    with pytest.raises(ProblemError, match=r"'joined' — did you mean joint\?"):
        procedure("joined")


def test_joint_is_there() -> None:
    assert "joint" in procedure_names()
    assert "base" not in procedure_names()


class TestJoint:
    """What is joint's alone."""

    @staticmethod
    def begin(source: str, data: Data, micro_batches: int = 1, **recipe: Any) -> Procedure:
        seed_everything(1, epoch=0)
        settings = Recipe(**({"epochs": 1, "batch_size": 16, "augment": "none"} | recipe))
        return procedure("joint")(
            load_model(source, 10),
            data,
            settings,
            device=CPU,
            seed=1,
            micro_batches=micro_batches,
        )

    def test_micro_batches_give_the_whole_batch_s_gradient(self, few: Data) -> None:
        # Without BatchNorm, dropout and the batch-wise balance loss the two runs are one.
        source = SOURCES["single"].replace("nn.BatchNorm2d(8)", "nn.Identity()")
        source = source.replace("nn.Dropout(0.1)", "nn.Identity()")
        whole = self.begin(source, few)
        split = self.begin(source, few, micro_batches=3)
        (a,), (b,) = list(whole.events()), list(split.events())
        assert a.train_loss == pytest.approx(b.train_loss, rel=1e-5)
        assert a.train_acc == pytest.approx(b.train_acc)
        for p, q in zip(whole.model.parameters(), split.model.parameters(), strict=True):
            torch.testing.assert_close(p, q, rtol=1e-3, atol=1e-5)

    @pytest.mark.parametrize("source", sorted(SOURCES))
    def test_it_learns_what_few_images_teach(self, few: Data, source: str) -> None:
        # 90 images seen ten times: far beyond the tenth that guessing gets.
        recipe = {"epochs": 10, "mixup_alpha": 0, "label_smoothing": 0, "lr": 3e-3}
        *_, last = self.begin(SOURCES[source], few, **recipe).events()
        assert last.train_acc > 0.5
        assert last.val_acc > 0.4

    def test_a_mixture_reports_its_gate_and_a_control_does_not(self, few: Data) -> None:
        (mixture,) = self.begin(SOURCES["soft"], few).events()
        assert mixture.gate_lr == pytest.approx(2 * mixture.lr)
        assert mixture.temperature == pytest.approx(2.0, abs=0.1)
        assert len(mixture.usage) == 3
        assert sum(mixture.usage) == pytest.approx(1, abs=1e-5)
        assert mixture.gate_entropy is not None
        assert 0 < mixture.gate_entropy <= np.log(3) + 1e-6
        assert mixture.balance_loss is not None
        assert mixture.balance_loss > 0.99

        (single,) = self.begin(SOURCES["single"], few).events()
        assert single.usage == ()
        for figure in ("gate_lr", "temperature", "gate_entropy", "balance_loss"):
            assert getattr(single, figure) is None

    @pytest.mark.parametrize("source", ["soft", "top1"])
    def test_the_balance_loss_spreads_the_load(self, few: Data, source: str) -> None:
        def largest_share(weight: float) -> float:
            training = self.begin(
                SOURCES[source],
                few,
                balance_weight=weight,
                lr=3e-3,
                gate_lr_multiplier=10,
                epochs=8,
            )
            *_, last = training.events()
            return max(last.usage)

        assert largest_share(5.0) < largest_share(0.0) - 0.1

    def test_objective_by_hand(self, few: Data) -> None:
        # A model that answers 0 everywhere: cross-entropy is ln 10 whatever mixup and smoothing
        # do to the targets, every prediction is class 0.
        source = """
import torch
from torch import nn

class Zero(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.zeros(()))

    def forward(self, x):
        return self.scale * x.flatten(1)[:, :1].expand(-1, 10)

def build(num_classes):
    return Zero()
"""
        (epoch,) = self.begin(source, few).events()
        assert epoch.train_loss == pytest.approx(np.log(10), rel=1e-5)
        assert epoch.val_loss == pytest.approx(np.log(10), rel=1e-5)
        zeros = (few.val.labels == 0).double().mean().item()
        assert epoch.val_acc == pytest.approx(zeros)
        assert isinstance(few.train, TensorSplit)
        assert epoch.train_acc == pytest.approx((few.train.labels == 0).double().mean().item())


class TestGate:
    """What is the gate's alone."""

    @staticmethod
    def begin(few: Data, source: str = "soft", **more: Any) -> Procedure:
        seed_everything(1, epoch=0)
        recipe = Recipe(**({"epochs": 2, "batch_size": 16} | more.pop("recipe", {})))
        model = load_model(SOURCES[source], 10)
        return procedure("gate")(model, few, recipe, device=CPU, seed=1, **more)

    @pytest.mark.parametrize("source", ["soft", "top1"])
    def test_experts_stay_as_they_are_bit_for_bit(self, few: Data, source: str) -> None:
        training = self.begin(few, source)
        experts = training.model.experts
        before = {name: t.clone() for name, t in experts.state_dict().items()}
        assert any("running_mean" in name for name in before)
        list(training.events())
        assert training.model.experts is experts
        assert same_state(experts.state_dict(), before)

    def test_given_answers_are_what_asking_gives(self, few: Data) -> None:
        asked = self.begin(few)
        expected = [figures(epoch) for epoch in asked.events()]
        answers = {}
        model = load_model(SOURCES["soft"], 10)
        model.load_state_dict(asked.model.state_dict())
        model.eval()
        for split, name in ((few.train, "held"), (few.val, "val")):
            x = torch.cat([x for x, _ in split.batches(32)])
            with torch.no_grad():
                answers[name] = model.mixture(x).expert_logits
        given = self.begin(few, answers=answers)
        calls: list[int] = []
        for expert in given.model.experts:
            expert.register_forward_hook(lambda *_: calls.append(1))
        seen = [figures(epoch) for epoch in given.events()]
        assert calls == []  # nobody was asked again
        for one, other in zip(seen, expected, strict=True):
            assert one["val_acc"] == other["val_acc"]
            assert one["train_loss"] == pytest.approx(other["train_loss"], rel=1e-4)

    def test_it_learns_whom_to_believe(self, few: Data) -> None:
        """One expert is always right, two say nothing."""
        answers = {}
        for split, name in ((few.train, "held"), (few.val, "val")):
            said = torch.zeros(len(split), 3, 10)
            said[torch.arange(len(split)), 1, split.labels] = 3.0
            answers[name] = said
        training = self.begin(
            few, answers=answers, recipe={"epochs": 12, "balance_weight": 0.0, "lr": 0.02}
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
