"""The contract of training procedures, run over every procedure there is."""

import io
import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from train_samples import SOURCES, figures, same_state

from nas.data.batches import Data, Split, TensorSplit
from nas.registry import PROCEDURES
from nas.schema import ProblemError, Recipe
from nas.train import NonFiniteLossError, Procedure, load_model, procedure
from nas.train.loop import Phase
from nas.train.seeding import seed_everything

CPU = torch.device("cpu")
Start = Callable[..., Procedure]


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    loaded: dict[str, Any] = torch.load(file, weights_only=True)
    return loaded


MODELS = {
    "gate": ("soft", "top1"),
    "growth": ("growing",),
    "domain_experts": ("domains",),
    "hot_plug": ("domains", "soft", "top1"),
    "prune_regrow": ("layers", "single"),  # of any other it would be the same
    "probe": ("trunk", "trunks"),
    "finetune": ("trunk", "trunks"),
    "joint": ("domains", "growing", "layers", "single", "soft", "top1", "trunks"),
}
"""Of procedures that do not train every model, or are not tried on all."""
KINDS = [
    (name, source) for name in PROCEDURES.names() for source in MODELS.get(name, sorted(SOURCES))
]


SETTINGS: dict[str, dict[str, Any]] = {
    "domain_experts": {"domains": "even", "supervised": True},
    "hot_plug": {"domains": "even"},
    "growth": {"window": 1, "min_gain": 1.0, "cooldown": 0},
    "prune_regrow": {"cycles": 1, "dense": 0.3},
}
"""Of procedures that need some for a short training."""
LEAST = {"prune_regrow": 3, "domain_experts": 3, "hot_plug": 3}
"""Epochs that a procedure needs with these."""


SCHEDULED = {
    "optimizer": "sgd",
    "schedule": [[0, 0.1], [0.5, 1], [0.5, 0.2]],
    "gate_schedule": [[0.3, 0], [0.3, 1]],
    "gate_clip_norm": 0.5,
    "balance_weight": [[0.2, 0], [1, 0.5, "cosine"]],
    "losses": {"z": 0.1, "kl": [[0, 1], [1, 0]]},
    "knobs": {"temperature": [[0, 2], [1, 0.5]]},
    "score_training": True,
}
"""Everything that changes while a network trains; a step of more than one epoch apart."""


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
        settings = settings | {"settings": SETTINGS.get(name, {})} | recipe
        settings["epochs"] = max(settings["epochs"], LEAST.get(name, 1))
        seed_everything(seed, epoch=0)
        return procedure(name)(
            load_model(SOURCES[source], 10),
            data,
            Recipe(**settings),
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
            assert epoch.seconds * epoch.images_per_second > 40  # a phase may train on some
            assert epoch.peak_memory_bytes > 10**7

    @pytest.mark.parametrize(
        ("after", "recipe"),
        [
            *((after, {}) for after in range(4)),
            (2, {"augment": "strong", "cutmix": 0.5}),
            (1, SCHEDULED),
            (2, SCHEDULED),
        ],
        ids=[*map(str, range(4)), "augmented", "1-scheduled", "2-scheduled"],
    )
    def test_a_resumed_run_equals_an_uninterrupted_one(
        self, start: Start, after: int, recipe: dict[str, Any]
    ) -> None:
        whole = start(**recipe)
        expected = [figures(epoch) for epoch in whole.events()]

        broken = start(**recipe)
        events = broken.events()
        seen = [figures(next(events)) for _ in range(after)]
        state = through_a_file(broken.state_dict())
        del broken, events

        # The process does other things, and the new model starts from other weights.
        torch.rand(13)
        np.random.rand(5)
        random.random()
        resumed = start(**recipe)
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

    def test_what_does_not_train_keeps_every_bit(self, start: Start) -> None:
        """In each phase, when BatchNorm is re-estimated too."""
        training = start(epochs=6)

        def outside(phase: Phase) -> dict[str, torch.Tensor]:
            inside = {
                tensor.data_ptr() for part in phase.parts for tensor in part.state_dict().values()
            }
            return {
                name: tensor.clone()
                for name, tensor in training.model.state_dict().items()
                if tensor.data_ptr() not in inside
            }

        events, epoch = training.events(), 0
        for phase in training.phases():
            before = outside(phase)
            for _ in range(phase.epochs):
                next(events)
            epoch += phase.epochs
            assert training.epoch == epoch
            after = training.model.state_dict()
            assert [n for n, value in before.items() if not after[n].equal(value)] == []
            frozen = [p for name, p in training.model.named_parameters() if name in before]
            assert all(p.grad is None and not p.requires_grad for p in frozen)
            held = {id(p) for group in training.optimizer.param_groups for p in group["params"]}
            assert not held & set(map(id, frozen))

    def test_it_learns(self, start: Start) -> None:
        training = start(epochs=10, mixup_alpha=0, label_smoothing=0)
        epochs, first = list(training.events()), 0
        for phase in training.phases():  # each may have another objective
            if phase.epochs > 1:
                last = epochs[first + phase.epochs - 1]
                assert last.train_loss < 0.99 * epochs[first].train_loss
                return
            first += phase.epochs
        raise AssertionError("no phase has two epochs")

    @pytest.mark.parametrize("epochs", [1, 4])
    def test_the_rate_reaches_its_peak_and_falls_to_almost_nothing(
        self, start: Start, epochs: int
    ) -> None:
        training = start(epochs=epochs, batch_size=5)
        rates: list[float] = []
        """As shares of the peak."""

        def tick() -> None:
            group = training.optimizer.param_groups[0]
            rates.append(group["lr"] / group["peak_lr"])

        training.tick = tick  # type: ignore[attr-defined]
        for epoch in training.events():
            rate = max(group["lr"] for group in training.optimizer.param_groups)
            assert rate in (pytest.approx(epoch.lr), pytest.approx(epoch.gate_lr))
        assert max(rates) == pytest.approx(1, rel=0.02)
        assert any(rate == pytest.approx(0.1) for rate in rates)  # where warm-up starts
        assert rates[-1] < 0.03

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

            def subset(self, index: torch.Tensor) -> Split:
                raise NotImplementedError

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
        assert all(epoch.train_loss > 0 for epoch in training.events())
        assert min(sizes, default=2) >= 2  # without BatchNorm it does not matter

    def test_no_batch_norm_trains_on_one_image(self, start: Start, few: Data) -> None:
        # 9 images in pairs: the ninth goes with the last pair, sparse experts or not.
        first = TensorSplit(few.train.images[:9], few.train.labels[:9], few.train._prepare)  # type: ignore[attr-defined]
        data = Data(first, few.val, few.test, few.class_names, few.mean, few.std)
        training = start(data=data, batch_size=2, epochs=1, mixup_alpha=0)
        sizes: list[int] = []
        for norm in training.model.modules():
            if isinstance(norm, nn.BatchNorm2d):
                norm.register_forward_pre_hook(
                    lambda module, x: sizes.append(len(x[0])) if module.training else None
                )
        epoch, *_ = training.events()
        assert epoch.train_acc * 9 == pytest.approx(round(epoch.train_acc * 9))  # a mean of images
        has_norms = any(isinstance(m, nn.BatchNorm2d) for m in training.model.modules())
        if training.recipe.procedure == "joint" and has_norms:
            assert sizes.count(3) >= 1
        assert all(size >= 2 for size in sizes)


def test_an_unknown_procedure_gets_the_nearest_right_name() -> None:
    with pytest.raises(
        ProblemError, match=r"no training procedure is called 'joined' — did you mean joint\?"
    ):
        procedure("joined")


def test_joint_is_there() -> None:
    assert "joint" in PROCEDURES.names()
    assert "base" not in PROCEDURES.names()
