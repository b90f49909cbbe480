"""Experts for domains of classes: what they learn from, and how their router is judged."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from train_samples import DOMAINS, SOURCES, rendered

from nas.compute import Compute
from nas.data.batches import Data, Split
from nas.faults import BuildError
from nas.moe import RoutedModel
from nas.schema import Recipe
from nas.train import load_model, procedure
from nas.train.domains import divided, gradient_cosine, routing_counts
from nas.train.seeding import seed_everything

CPU = torch.device("cpu")
DEEP = rendered("routing", experts=2, width=8, router="deep")


def start(name: str, few: Data, source: str = DOMAINS, **recipe: Any) -> Any:
    seed_everything(3, epoch=0)
    values: dict[str, Any] = {"procedure": name, "epochs": 8, "batch_size": 10, "lr": 3e-3}
    values["settings"] = {"domains": "even"}
    return procedure(name)(
        load_model(source, 10), few, Recipe(**(values | recipe)), device=CPU, seed=3
    )


def events_of(training: Any, kind: str) -> list[Any]:
    return [e for epoch in training.events() for e in epoch.events if e.kind == kind]


class Fixed(nn.Module):
    """Two experts whose logits and router are those of a table, by an image's first pixel."""

    def __init__(self, probs: Tensor, experts: Tensor) -> None:
        super().__init__()
        self.probs, self.table = probs, experts
        self.stem = nn.Linear(1, 1)

    def routed(self, x: Tensor) -> Any:
        rows = x[:, 0, 0, 0].long()
        probs, experts = self.probs[rows], self.table[rows]

        class Out:
            logits, expert_logits = experts[:, 0], experts
            layers = (
                type(
                    "R",
                    (),
                    {
                        "name": "router",
                        "gate_logits": probs.log(),
                        "probs": probs,
                        "weights": probs,
                        "chosen": probs > 0,
                        "kept": probs > 0,
                        "slots": None,
                        "clean_logits": None,
                        "noise_scale": None,
                    },
                )(),
            )

        return Out()


class Listed(Split):
    def __init__(self, labels: list[int]) -> None:
        self.labels = torch.tensor(labels)

    def subset(self, index: Tensor) -> Split:
        raise NotImplementedError

    def batches(self, batch_size: int, **_: Any) -> Iterator[tuple[Tensor, Tensor]]:
        x = torch.arange(len(self.labels)).float().view(-1, 1, 1, 1)
        yield from zip(x.split(batch_size), self.labels.split(batch_size), strict=True)


def test_counts_by_hand() -> None:
    # Classes 0 and 1 are domain 0, class 2 is domain 1. Six images; the router's choice and each
    # expert's answer:
    #   label    0  0  1  2  2  2
    #   chosen   0  1  0  1  1  0
    #   expert 0 0  1  1  2  0  2
    #   expert 1 0  0  1  2  1  0
    labels = [0, 0, 1, 2, 2, 2]
    chosen = torch.tensor([0, 1, 0, 1, 1, 0])
    answers = torch.tensor([[0, 0], [1, 0], [1, 1], [2, 2], [0, 1], [2, 0]])
    probs = nn.functional.one_hot(chosen, 2) * 0.8 + 0.1
    experts = nn.functional.one_hot(answers, 3).float()
    found = routing_counts(
        RoutedModel(Fixed(probs, experts)),
        Listed(labels),
        torch.tensor([0, 0, 1]),
        batch_size=4,
        compute=Compute(CPU),
    )
    assert found == {
        "images": 6,
        "right": 4,  # images 0, 2, 3, 4
        "right_hits": 3,  # 0, 2, 3
        "wrong_hits": 2,  # 1 (by expert 1) and 5 (by expert 0)
        "domain_hits": 3,  # 0, 2 by expert 0; 3 by expert 1
        "any_hits": 5,  # all but 4
        "sent": [[2, 1], [1, 2]],
        "hits": [[2, 2], [3, 1]],
        "of_domain": [3, 3],
    }


def test_cosines_of_gradients_by_hand() -> None:
    class Two(nn.Module):
        """Expert 0 wants the stem's output high for class 0, expert 1 low for class 1."""

        def __init__(self, sign: float) -> None:
            super().__init__()
            self.stem = nn.Linear(1, 1, bias=False)
            self.sign = sign

        def routed(self, x: Tensor) -> Any:
            y = self.stem(x.flatten(1))
            zero = torch.zeros_like(y)
            experts = torch.stack(
                [torch.cat([y, zero], 1), torch.cat([zero, self.sign * y], 1)], dim=1
            )
            model = Fixed(torch.full((len(x), 2), 0.5), experts.detach())
            out = model.routed(torch.arange(len(x)).float().view(-1, 1, 1, 1))
            type(out).expert_logits = experts
            return out

    x = torch.ones(4, 1, 1, 1)
    for labels, sign, cosine in (
        ([0, 0, 1, 1], 1.0, 1.0),
        ([0, 0, 1, 1], -1.0, -1.0),
        ([0, 0, 0, 0], 1.0, None),
    ):
        model = Two(sign)
        model.stem.requires_grad_(False)
        found = gradient_cosine(
            RoutedModel(model),
            model.stem,
            x,
            torch.tensor(labels),
            torch.tensor([0, 1]),
            Compute(CPU),
        )
        assert found == (None if cosine is None else pytest.approx(cosine))
        assert model.stem.weight.grad is None
        assert not model.stem.weight.requires_grad


@pytest.mark.parametrize(
    ("epochs", "shares", "expected"),
    [
        (24, [0.5, 0.25, 0.25], [12, 6, 6]),
        (3, [0.5, 0.25, 0.25], [1, 1, 1]),
        (10, [0.9, 0.0, 0.1], [8, 1, 1]),
        (7, [0.5, 0.125, 0.125, 0.25], [3, 1, 1, 2]),
    ],
)
def test_epochs_of_phases(epochs: int, shares: list[float], expected: list[int]) -> None:
    names = [str(n) for n in range(len(shares))]
    found = divided(epochs, dict(zip(names, shares, strict=True)))
    assert list(found) == names
    assert list(found.values()) == expected
    assert sum(found.values()) == epochs


class TestDomainExperts:
    @pytest.mark.parametrize(
        ("settings", "phases"),
        [
            ({}, ["experts", "router", "all_classes"]),
            ({"strategy": "joint"}, ["experts", "joint", "all_classes"]),
            ({"strategy": "two_phase"}, ["experts", "router", "joint", "all_classes"]),
            ({"all_classes": 0.0}, ["experts", "router"]),
        ],
    )
    def test_phases_end_with_exact_counts(
        self, few: Data, settings: dict[str, Any], phases: list[str]
    ) -> None:
        training = start("domain_experts", few, settings={"domains": "even"} | settings)
        epochs = list(training.events())
        found = [(epoch, e) for epoch in epochs for e in epoch.events if e.kind == "phase"]
        assert [event.data["phase"] for _, event in found] == phases
        for epoch, event in found:
            data = event.data
            assert data["images"] == len(few.val)
            hits = data["right_hits"] + data["wrong_hits"]
            assert hits == round(epoch.val_acc * data["images"]), "the accuracy, exactly"
            assert [sum(row) for row in data["sent"]] == data["of_domain"]
            assert data["any_hits"] >= max(hits, data["domain_hits"])
            assert -1 <= data["gradient_cosine"] <= 1

    def test_until_the_last_phase_an_expert_knows_its_own_classes_alone(self, few: Data) -> None:
        settings = {"domains": "even", "all_classes": 0.4}
        training = start("domain_experts", few, DEEP, epochs=30, lr=1e-2, settings=settings)
        first, *_, last = events_of(training, "phase")
        others = [
            [event.data["hits"][e][d] for e, d in ((0, 1), (1, 0))] for event in (first, last)
        ]
        assert others[0] == [0, 0]
        assert min(others[1]) > 0

    def test_the_router_alone_changes_nothing_else(self, few: Data) -> None:
        training = start("domain_experts", few)
        lengths = [phase.epochs for phase in training.phases()]
        events = training.events()
        [next(events) for _ in range(lengths[0])]
        before = {n: v.clone() for n, v in training.model.state_dict().items()}
        [next(events) for _ in range(lengths[1])]
        after = training.model.state_dict()
        changed = {name.split(".")[0] for name, v in before.items() if not after[name].equal(v)}
        assert changed == {"router"}

    def test_a_supervised_router_learns_the_domain(self, few: Data) -> None:
        """Of training images at least: for its loss there is nothing else to learn."""
        settings = {"domains": "even", "supervised": True, "all_classes": 0.0}
        training = start("domain_experts", few, DEEP, epochs=40, lr=1e-2, settings=settings)
        list(training.events())
        found = routing_counts(
            training.routed,
            few.train,
            training.model.class_domain,
            20,
            compute=training.compute,
        )
        assert found["right"] / found["images"] > 0.65  # by chance one half

    def test_domains_are_recorded_and_saved_with_the_weights(self, few: Data) -> None:
        training = start("domain_experts", few)
        [event] = events_of(training, "domains")
        assert event.data["class_domain"] == [0] * 5 + [1] * 5
        assert event.reason == "by even: of 5, 5 classes"
        assert training.model.state_dict()["class_domain"].tolist() == [0] * 5 + [1] * 5

    def test_permuted_domains_leave_predictions_unchanged(self, few: Data) -> None:
        """No output depends on what the domains are."""
        training = start("domain_experts", few)
        list(training.events())
        [x, *_] = [x for x, _ in few.val.batches(40)]
        with torch.no_grad():
            before = training.model(x)
            training.model.class_domain.copy_(training.model.class_domain.flip(0))
            assert torch.equal(training.model(x), before)

    def test_what_it_cannot_train(self, few: Data) -> None:
        with pytest.raises(BuildError, match="a model of experts for domains"):
            start("domain_experts", few, SOURCES["soft"])
        with pytest.raises(BuildError, match="its 3 phases need at least 3 epochs"):
            start("domain_experts", few, epochs=2)
        with pytest.raises(BuildError, match="names no domains of its classes"):
            start("domain_experts", few, settings={"domains": "given"})


class TestHotPlug:
    @pytest.mark.parametrize("source", ["domains", "soft", "top1"])
    def test_guarded_parts_keep_every_bit(self, few: Data, source: str) -> None:
        training = start("hot_plug", few, SOURCES[source], epochs=10)
        events = training.events()
        for phase in training.phases()[:2]:
            found = [event for _ in range(phase.epochs) for event in next(events).events]
            if phase.name == "plug":
                [event] = found
                assert event.data["changed"] == 0
                assert event.data["equal"] is True
                assert event.data["before"] == event.data["after"]
                frozen = training._frozen_parts()
                training.model.train()
                training.model.train(True)
                assert training._frozen_parts()["logits"].equal(frozen["logits"])
        assert training.model.experts[-1] is not None

    def test_unguarded_statistics_drift(self, few: Data) -> None:
        settings = {"domains": "even", "guarded": False, "base": 0.3, "plug": 0.6}
        training = start("hot_plug", few, epochs=14, settings=settings)
        assert few.train.steps(10) * 14 * 0.6 >= 50
        [event] = events_of(training, "plugged")
        # Means and variances of two BatchNorms of the stem and one of the old expert. They count
        # as many batches as before, since they are re-estimated at the end of each phase.
        assert event.data["changed"] == 6
        assert event.data["equal"] is False

    def test_each_phase_sees_its_domain_alone(self, few: Data) -> None:
        training = start("hot_plug", few)
        seen: dict[str, set[int]] = {}
        step = training._step

        def watched(batch: Any, *rest: Any) -> Tensor:
            name = training.phases()[training._phase].name
            seen.setdefault(name, set()).update(batch.labels.tolist())
            found: Tensor = step(batch, *rest)
            return found

        training._step = watched
        list(training.events())
        assert seen == {"base": set(range(5)), "plug": set(range(5, 10)), "router": set(range(10))}

    def test_trained_experts_need_no_base(self, few: Data) -> None:
        training = start("hot_plug", few, SOURCES["soft"], settings={"base": 0.0})
        assert [phase.name for phase in training.phases()] == ["plug", "router"]
        before = {n: v.clone() for n, v in training.model.experts[:2].state_dict().items()}
        list(training.events())
        after = training.model.experts[:2].state_dict()
        assert all(after[name].equal(value) for name, value in before.items())

    def test_resumed_within_the_plug_phase(self, few: Data) -> None:
        whole = events_of(start("hot_plug", few), "plugged")
        broken = start("hot_plug", few)
        events = broken.events()
        base, _, _ = broken.phases()
        [next(events) for _ in range(base.epochs + 1)]
        resumed = start("hot_plug", few)
        state = broken.state_dict()
        found = [e for epoch in resumed.events(state) for e in epoch.events if e.kind == "plugged"]
        assert found == whole

    def test_what_it_cannot_train(self, few: Data) -> None:
        with pytest.raises(BuildError, match="a mixture of at least two networks"):
            start("hot_plug", few, SOURCES["single"])


def test_domains_are_of_training_images_alone(few: Data) -> None:
    class Forbidden(Listed):
        def batches(self, *_: Any, **__: Any) -> Any:
            raise AssertionError("domains looked at other images")

    other = Forbidden([0] * 10)
    start("domain_experts", replace(few, val=other, test=other), settings={"domains": "confusion"})
