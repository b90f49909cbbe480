"""How far mixtures are from always choosing the right expert."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import NamedTuple

import pytest
import torch
from diagnose_samples import SOURCES
from scipy.stats import binomtest, ttest_rel
from torch import Tensor, nn
from torch.nn import functional

from nas.compute import Compute
from nas.data.augment import Augment
from nas.data.batches import Data, Split
from nas.diagnose.instruments.base import NotApplicable, Subject
from nas.diagnose.instruments.oracle import Answers, OracleGap, answers, of_domains, of_oracle
from nas.moe import RoutedModel
from nas.train import load_model, score

CPU = Compute(torch.device("cpu"))

# The label, and what the model, expert 0 and expert 1 answer, and the expert ranked first.
IMAGES = [
    (0, 0, 0, 3, 0),
    (1, 0, 1, 1, 0),
    (1, 1, 0, 0, 1),  # the model is right, and no expert is
    (0, 2, 0, 2, 1),
    (2, 0, 2, 0, 0),
    (3, 3, 0, 3, 1),
    (3, 0, 0, 0, 1),  # nobody is right
    (4, 4, 4, 4, 0),  # of no domain
]
DOMAINS = [0, 0, 1, 1, -1]


class Output(NamedTuple):
    logits: Tensor
    weights: Tensor
    probs: Tensor
    gate_logits: Tensor
    expert_logits: Tensor


class Scripted(nn.Module):
    """Answers what stands in the image: the class of the model and of either expert, and the expert
    ranked first."""

    class_domain: Tensor

    def __init__(self, domains: list[int] | None = None) -> None:
        super().__init__()
        self.gate = nn.Identity()
        if domains is not None:
            self.register_buffer("class_domain", torch.tensor(domains))

    def forward(self, x: Tensor) -> Tensor:
        return functional.one_hot(x[:, 0, 0, 0].long(), 5).float()

    def mixture(self, x: Tensor) -> Output:
        rows = x[:, 0, 0].long()
        gate = functional.one_hot(rows[:, 3], 2).float()
        experts = functional.one_hot(rows[:, 1:3], 5).float()
        probs = gate.softmax(dim=1)
        return Output(experts.mean(dim=1), probs, probs, gate, experts)


class Listed(Split):
    def __init__(self, images: list[tuple[int, ...]]) -> None:
        self.labels = torch.tensor([label for label, *_ in images])
        self._x = torch.tensor([rest for _, *rest in images], dtype=torch.float32)[:, None, None]

    def subset(self, index: torch.Tensor) -> Split:
        raise NotImplementedError

    def batches(
        self,
        batch_size: int,
        *,
        generator: torch.Generator | None = None,
        augment: Augment = "none",
    ) -> Iterator[tuple[Tensor, Tensor]]:
        yield from zip(self._x.split(batch_size), self.labels.split(batch_size), strict=True)


def scripted(
    domains: list[int] | None = None, images: list[tuple[int, ...]] = IMAGES
) -> dict[str, float | tuple[float, ...]]:
    """The figures of `test`; `val` has other images."""
    splits = (Listed(IMAGES), Listed(IMAGES[:3]), Listed(images))
    data = Data(*splits, tuple("abcde"), (0.0,), (1.0,))
    given = Subject(model=Scripted(domains), data=data, compute=CPU, batch_size=3, seed=0)
    found = OracleGap().examine(given)
    assert not isinstance(found, NotApplicable)
    assert found["val.acc"] == 2 / 3
    return {n.removeprefix("test."): v for n, v in found.items() if n.startswith("test.")}


def test_by_hand() -> None:
    found = scripted()
    low, high = binomtest(3, 8).proportion_ci(method="wilson")
    assert found.pop("gap_interval") == pytest.approx((low, high))
    # Images 2, 4 and 5 are lost, and 3 is won.
    assert found == {"acc": 4 / 8, "oracle": 6 / 8, "gap": 3 / 8, "mixture_only": 1 / 8}


def test_domains_by_hand() -> None:
    found = scripted(DOMAINS)
    alone = scripted()
    assert {name: found.pop(name) for name in alone} == alone
    # Of the first seven images, the expert that is meant is right on 1, 2, 4, 6.
    meant, model = [1, 1, 0, 1, 0, 1, 0], [1, 0, 1, 0, 0, 1, 0]
    interval = ttest_rel(meant, model).confidence_interval(0.95)
    assert found.pop("domain_gap_interval") == pytest.approx((interval.low, interval.high))
    assert found.pop("specialisation") == pytest.approx(((3 / 4 - 1 / 3) + (1 / 3 - 1 / 4)) / 2)
    assert found == {
        "known": 7 / 8,
        "known_acc": 3 / 7,
        "domain_oracle": 4 / 7,
        "domain_gap": 1 / 7,
        "top1_acc": 4 / 7,  # 1, 2, 5, 6
        "routed_right": 4 / 7,  # 1, 2, 6, 7
        "acc_right": 3 / 4,
        "acc_wrong": 1 / 3,
        "matrix_0": (2 / 4, 2 / 4),
        "matrix_1": (1 / 3, 2 / 3),
        "specialisation_0": (3 / 4, 1 / 3),
        "specialisation_1": (1 / 4, 1 / 3),
    }


@pytest.mark.parametrize("seed", range(5))
def test_the_decomposition_is_exact(seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    labels, model, first = (torch.randint(n, (97,), generator=generator) for n in (6, 6, 3))
    experts = torch.randint(6, (97, 3), generator=generator)
    found = of_domains(Answers(labels, model, experts, first), torch.tensor([0, 1, 2, 2, 1, -1]))
    names = ("top1_acc", "routed_right", "acc_right", "acc_wrong")
    acc, r, right, wrong = (Fraction(found[n]).limit_denominator(97) for n in names)  # type: ignore[arg-type]
    assert acc == r * right + (1 - r) * wrong
    for d in range(3):
        row = found[f"matrix_{d}"]
        assert isinstance(row, tuple)
        assert sum(row) == pytest.approx(1, abs=1e-15)


def test_what_would_be_divided_by_0_is_left_out() -> None:
    nobody = scripted([-1] * 5)
    assert nobody["known"] == 0
    assert set(nobody) == {*scripted(), "known"}
    one = scripted(DOMAINS, IMAGES[:2])  # of one domain, both routed right
    assert (one["acc_right"], one["routed_right"]) == (1, 1)
    assert (one["matrix_0"], one["specialisation_1"]) == ((1, 0), (1 / 2,))
    left_out = {"acc_wrong", "matrix_1", "specialisation", "domain_gap_interval"}
    assert not left_out & set(one)
    assert "acc_right" not in scripted(DOMAINS, IMAGES[2:5])


def test_a_domain_without_an_expert_is_an_error() -> None:
    with pytest.raises(ValueError, match="has the domain 2 of 2"):
        scripted([0, 1, 2, -1, -1])


def test_labels_do_not_reach_the_model() -> None:
    """The choices are learned: other labels change what is counted, not what is chosen."""
    permuted = [
        (label, *rest) for (label, *_), (_, *rest) in zip(IMAGES[::-1], IMAGES, strict=True)
    ]
    model = Scripted(DOMAINS)
    found = []
    for images in (IMAGES, permuted):
        data = Data(*[Listed(images)] * 3, tuple("abcde"), (0.0,), (1.0,))
        given = Subject(model=model, data=data, compute=CPU, batch_size=4, seed=0)
        one = answers(given, RoutedModel(model), data.test)
        assert one is not None
        found.append(one)
    for name in ("model", "experts", "first"):
        assert torch.equal(getattr(found[0], name), getattr(found[1], name))
    assert of_oracle(found[0]) != of_oracle(found[1])


def test_permuted_labels_leave_the_matrix_s_sums(few: Data) -> None:
    """Each expert gets as many images, of whatever domain."""
    torch.manual_seed(0)
    model = load_model(SOURCES["domains"], 10).eval()
    model.class_domain[9] = 2  # type: ignore[index, operator]
    received = []
    for order in (torch.arange(40), torch.randperm(40)):
        split = few.test
        given = Subject(model=model, data=few, compute=CPU, batch_size=32, seed=0)
        one = answers(given, RoutedModel(model), split)
        assert one is not None
        one = replace(one, labels=one.labels[order])
        domains: Tensor = model.class_domain  # type: ignore[assignment]
        found = of_domains(one, domains)
        sizes = domains[one.labels].bincount(minlength=3)
        rows = [torch.tensor(found[f"matrix_{d}"]) * sizes[d] for d in range(3)]
        received.append(sum(rows))
    assert received[0] == pytest.approx(received[1])


@pytest.mark.parametrize("source", ["soft", "top1"])
def test_as_scores_have_it(source: str, few: Data) -> None:
    torch.manual_seed(0)
    model = load_model(SOURCES[source], 10).eval()
    given = Subject(model=model, data=few, compute=CPU, batch_size=32, seed=0)
    found = OracleGap().examine(given)
    assert not isinstance(found, NotApplicable)
    for name, split in (("val", few.val), ("test", few.test)):
        scored = score(model, split, 32, compute=CPU)
        assert found[f"{name}.acc"] == pytest.approx(scored.acc)
        assert found[f"{name}.oracle"] == pytest.approx(scored.oracle_acc)
        assert f"{name}.known" not in found


def test_why_it_does_not_apply(few: Data) -> None:
    for source, why in (
        ("plain", "the model does not route"),
        ("layers", "its experts have no logits of their own"),
    ):
        model = load_model(SOURCES[source], 10).eval()
        given = Subject(model=model, data=few, compute=CPU, batch_size=32, seed=0)
        assert OracleGap().examine(given) == NotApplicable(why)
