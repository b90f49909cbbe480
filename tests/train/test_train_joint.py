"""The joint procedure: what is its alone."""

from typing import Any

import numpy as np
import pytest
import torch
from train_samples import SOURCES

from nas.data.batches import Data, TensorSplit
from nas.schema import Recipe
from nas.train import Procedure, load_model, procedure
from nas.train.seeding import seed_everything


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
            device=torch.device("cpu"),
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

    @pytest.mark.parametrize("source", sorted(SOURCES.keys() - {"domains"}))  # it learns slowly
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
