"""Pruning and regrowth: what is masked stays zero, and regrowing changes no output."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from train_samples import SOURCES

from nas.data.batches import Data
from nas.faults import BuildError
from nas.schema import Recipe
from nas.train import load_model, procedure
from nas.train.procedures.prune_regrow import masks
from nas.train.seeding import seed_everything

CPU = torch.device("cpu")
ADAMW = {"lr": 3e-3, "weight_decay": 0.05}
SGD = {"optimizer": "sgd", "lr": 0.05, "momentum": 0.9, "weight_decay": 5e-4}


def start(few: Data, source: str = "single", **recipe: Any) -> Any:
    seed_everything(3, epoch=0)
    values: dict[str, Any] = {"procedure": "prune_regrow", "epochs": 12, "batch_size": 10}
    model = load_model(SOURCES[source], 10)
    return procedure("prune_regrow")(model, few, Recipe(**(values | recipe)), device=CPU, seed=3)


def weights(model: nn.Module) -> Iterator[Tensor]:
    """The matrices and kernels, as the network computes with them."""
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            yield module.weight


def sparsity(model: nn.Module) -> float:
    flat = torch.cat([weight.detach().flatten() for weight in weights(model)])
    return float((flat == 0).float().mean())


@pytest.mark.parametrize("recipe", [ADAMW, SGD], ids=["adamw", "sgd"])
class TestUnderTheMask:
    def test_sparsity_after_every_step(self, few: Data, recipe: dict[str, Any]) -> None:
        training = start(few, **recipe)
        seen: dict[int, list[float]] = {}
        after_step = training.after_step

        def step() -> None:
            after_step()
            seen.setdefault(training.epoch + 1, []).append(sparsity(training.model))

        training.after_step = step
        kinds = {(epoch.epoch, event.kind) for epoch in training.events() for event in epoch.events}
        # 3 epochs dense, then cycles of one epoch under the mask and two without it.
        masked = (4, 7, 10)
        assert kinds == {
            *((epoch, "pruned") for epoch in masked),
            *((epoch + 1, "regrown") for epoch in masked),
            *((epoch + 2, "cycle") for epoch in masked),
        }
        total = sum(weight.numel() for weight in weights(training.model))
        for epoch, shares in seen.items():
            if epoch in masked:
                assert shares == [pytest.approx(round(0.8 * total) / total)] * len(shares)
            else:
                assert max(shares) < 0.8 / 2

    def test_masking_gradients_alone_would_not_do(self, few: Data, recipe: dict[str, Any]) -> None:
        """The control: the optimizer moves weights without a gradient too."""
        training = start(few, **recipe)
        events = training.events()
        [next(events) for _ in range(3)]
        pruned = []
        for weight in weights(training.model):
            mask = weight.detach().abs() > weight.detach().abs().median()
            weight.data.mul_(mask)
            weight.register_hook(lambda gradient, mask=mask: gradient * mask)
            pruned.append((weight, ~mask))
        training.before_epoch = lambda _: None
        [next(events) for _ in range(2)]
        zeros = sum(int((weight.detach()[mask] == 0).sum()) for weight, mask in pruned)
        assert zeros < 0.5 * sum(int(mask.sum()) for _, mask in pruned)

    def test_regrowing_changes_no_output_and_clears_moments(
        self, few: Data, recipe: dict[str, Any]
    ) -> None:
        training = start(few, **recipe)
        events = training.events()
        [next(events) for _ in range(4)]
        [x, *_] = [x for x, _ in few.val.batches(20)]
        with torch.no_grad():
            before = training.model(x)
        pruned = {
            id(module.parametrizations[name].original): mask == 0
            for module, name, mask in masks(training.model)
        }
        assert pruned
        training.before_epoch(5)
        with torch.no_grad():
            assert torch.equal(training.model(x), before)
        assert not list(masks(training.model))
        names = {name for name, _ in training.model.named_parameters()}
        assert names == {name for name, _ in load_model(SOURCES["single"], 10).named_parameters()}
        trained = {id(p) for group in training.optimizer.param_groups for p in group["params"]}
        assert trained == {id(p) for p in training.model.parameters()}
        for parameter, values in training.optimizer.state.items():
            if id(parameter) not in pruned:
                continue
            gone = pruned[id(parameter)]
            assert not parameter.detach()[gone].any()
            moments = [v for v in values.values() if torch.is_tensor(v) and v.shape == gone.shape]
            assert moments
            for moment in moments:
                assert not moment[gone].any()
                assert moment[~gone].any()

    def test_biases_and_norms_are_left(self, few: Data, recipe: dict[str, Any]) -> None:
        training = start(few, "soft", **recipe)
        events = training.events()
        [next(events) for _ in range(4)]
        masked = {f"{type(module).__name__}.{name}" for module, name, _ in masks(training.model)}
        assert masked == {"ParametrizedConv2d.weight", "ParametrizedLinear.weight"}


def test_the_smallest_of_all_weights_together_are_pruned(few: Data) -> None:
    training = start(few, settings={"sparsity": 0.5})
    events = training.events()
    [next(events) for _ in range(3)]
    before = torch.cat([weight.detach().flatten() for weight in weights(training.model)])
    training.before_epoch(4)
    after = torch.cat([weight.detach().flatten() for weight in weights(training.model)])
    assert before[after == 0].abs().max() <= before[after != 0].abs().min()
    assert int((after == 0).sum()) == round(len(after) / 2)


@pytest.mark.parametrize(
    ("epochs", "settings", "plan"),
    [
        (240, {"dense": 0.25}, [(61, 81, 120), (121, 141, 180), (181, 201, 240)]),  # as published
        (7, {}, [(2, 3, 3), (4, 5, 5), (6, 7, 7)]),
        (12, {}, [(4, 5, 6), (7, 8, 9), (10, 11, 12)]),
        (10, {"cycles": 2, "dense": 0.0, "masked": 0.9}, [(2, 6, 6), (7, 10, 10)]),
    ],
)
def test_epochs_of_cycles(
    few: Data, epochs: int, settings: dict[str, Any], plan: list[tuple[int, int, int]]
) -> None:
    assert start(few, epochs=epochs, settings=settings)._plan() == plan


def test_too_few_epochs_are_refused(few: Data) -> None:
    with pytest.raises(BuildError, match=r"3 cycles .* need at least 7 epochs"):
        start(few, epochs=6)
