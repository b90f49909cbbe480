"""The Hessian's products, eigenvalues and trace, against the whole matrix."""

from math import sqrt

import numpy as np
import pytest
import torch
from diagnose_samples import SOURCES
from torch import Tensor, nn
from torch.nn import functional

from nas.compute import Compute
from nas.data.batches import Data, Split
from nas.diagnose import hessian as hessians
from nas.diagnose.hessian import (
    Batches,
    exact_derivatives,
    hessian,
    leading,
    obstacle,
    subset,
    trace,
    trainable,
)
from nas.diagnose.instruments.base import NotApplicable, Subject
from nas.diagnose.instruments.curvature import Curvature
from nas.train import load_model

CPU = Compute(torch.device("cpu"))


class Attention(nn.Module):
    """One head over 16 tokens."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.qkv, self.head = nn.Linear(4, 6), nn.Linear(6, 18), nn.Linear(6, 5)
        self.norm = nn.LayerNorm(6)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.embed(x.flatten(1).unflatten(1, (16, 4)))
        q, k, v = self.qkv(self.norm(tokens)).unsqueeze(1).chunk(3, dim=-1)
        mixed = functional.scaled_dot_product_attention(q, k, v).squeeze(1)
        out: Tensor = self.head((tokens + mixed).mean(dim=1))
        return out


class TopOne(nn.Module):
    """Experts that are computed for the images that choose them; nobody chooses the third."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = nn.Linear(64, 3)
        nn.init.constant_(self.gate.bias, 0.0)
        with torch.no_grad():
            self.gate.bias[2] = -100.0
        self.experts = nn.ModuleList(
            [nn.Sequential(nn.Linear(64, 3), nn.SiLU(), nn.Linear(3, 5)) for _ in range(3)]
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        weight, chosen = self.gate(x).softmax(dim=1).max(dim=1)
        out = x.new_zeros(len(x), 5)
        for n, expert in enumerate(self.experts):
            [mine] = torch.where(chosen == n)
            if len(mine):
                out = out.index_add(0, mine, weight[mine, None] * expert(x[mine]))
        return out


def convolutional() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(4),
        nn.SiLU(),
        nn.Conv2d(4, 6, 3, stride=2, padding=1),
        nn.GroupNorm(2, 6),
        nn.ReLU(),
        nn.Flatten(),
        nn.Dropout(0.5),
        nn.Linear(24, 5),
    )


def of_noise(count: int = 50) -> Batches:
    """Unequal batches of 8 × 8 images."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(count, 1, 8, 8, generator=generator, dtype=torch.float64)
    y = torch.randint(5, (count,), generator=generator)
    cut = [20, 40]
    return list(zip(x.tensor_split(cut), y.tensor_split(cut), strict=True))


def trained(model: nn.Module, batches: Batches) -> nn.Module:
    """In float64 and evaluation mode, after a few steps."""
    model.double().train()
    adam = torch.optim.Adam(model.parameters(), 1e-2)
    for _ in range(20):
        for x, y in batches:
            adam.zero_grad()
            functional.cross_entropy(model(x), y).backward()  # type: ignore[no-untyped-call]
            adam.step()
    model.zero_grad()
    return model.eval()


def whole(model: nn.Module, batches: Batches) -> Tensor:
    """The Hessian, (P, P), entry by entry."""
    named = {name: p for name, p in model.named_parameters() if p.requires_grad}
    sizes = [p.numel() for p in named.values()]
    x, y = (torch.cat(each) for each in zip(*batches, strict=True))

    def loss(flat: Tensor) -> Tensor:
        parts = zip(named.items(), flat.split(sizes), strict=True)
        given = {name: part.view_as(p) for (name, p), part in parts}
        return functional.cross_entropy(torch.func.functional_call(model, given, (x,)), y)

    flat = torch.cat([p.detach().flatten() for p in named.values()])
    found = torch.autograd.functional.hessian(loss, flat)  # type: ignore[no-untyped-call]
    return found.detach()  # type: ignore[no-any-return]


@pytest.mark.parametrize("make", [convolutional, TopOne, Attention])
def test_against_the_whole_matrix(make: type[nn.Module]) -> None:
    torch.manual_seed(0)
    batches = of_noise()
    model = trained(make(), batches)
    with exact_derivatives():
        assert obstacle(model, batches) == ""
        exact = whole(model, batches)
        operator = hessian(model, batches)
        v = torch.randn(len(exact), 2, dtype=torch.float64)
        error = operator @ v - exact @ v
        assert error.norm() <= 1e-12 * (exact @ v).norm()

        found = leading(operator, 3, tolerance=1e-12, limit=1000, seed=3)
        expected = torch.linalg.eigvalsh(exact).flip(0)[:3].tolist()
        assert found.values == pytest.approx(expected, rel=1e-10)
        assert max(found.residuals) <= 1e-10
        assert found.products <= 1000
        for value, column in zip(found.values, found.vectors.T, strict=True):
            assert np.linalg.norm(column) == pytest.approx(1)
            left = exact.numpy() @ column - value * column
            assert np.linalg.norm(left) <= 1e-10 * abs(value)

        estimate, error_of_it = trace(operator, 50, 3, found)
        assert abs(estimate - exact.trace().item()) <= 4 * error_of_it
        # The variance of a form of random signs: 2 Σ of what is off the diagonal, squared.
        v = torch.from_numpy(found.vectors.copy())
        rest = torch.eye(len(exact)).double() - v @ v.T
        rest = rest @ exact @ rest
        off = rest - rest.diag().diag()
        assert error_of_it == pytest.approx(sqrt(2 * off.square().sum() / 50), rel=0.5)


def test_an_expert_that_nobody_chose_has_no_curvature() -> None:
    torch.manual_seed(0)
    batches = of_noise()
    model = trained(TopOne(), batches)
    names = [name for name, _ in model.named_parameters()]
    operator = hessian(model, batches)
    products = operator @ [torch.ones_like(p) for p in model.parameters()]
    for name, product in zip(names, products, strict=True):
        assert (not product.any()) == name.startswith("experts.2."), name


def test_frozen_parameters_are_left_out() -> None:
    torch.manual_seed(0)
    batches = of_noise()
    model = trained(convolutional(), batches)
    next(model.parameters()).requires_grad_(False)
    exact = whole(model, batches)
    v = torch.randn(len(exact), dtype=torch.float64)
    assert (hessian(model, batches) @ v - exact @ v).norm() <= 1e-12 * (exact @ v).norm()


class TestLimits:
    def test_what_has_not_converged_is_given_with_its_residual(self) -> None:
        torch.manual_seed(0)
        batches = of_noise()
        model = trained(convolutional(), batches)
        exact = whole(model, batches).numpy()
        found = leading(hessian(model, batches), 3, tolerance=1e-30, limit=100, seed=0)
        assert 60 < found.products <= 100
        assert list(found.values) == sorted(found.values, reverse=True)
        assert found.values[0] <= np.linalg.eigvalsh(exact)[-1] * (1 + 1e-9)
        for value, column, residual in zip(
            found.values, found.vectors.T, found.residuals, strict=True
        ):
            left = np.linalg.norm(exact @ column - value * column) / abs(value)
            assert residual == pytest.approx(left, rel=1e-3, abs=1e-12)

    def test_not_converged_is_a_figure(self, few: Data, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(Curvature, "TOLERANCE", 1e-30)
        monkeypatch.setattr(Curvature, "PRODUCTS", 100)
        monkeypatch.setattr(Curvature, "PROBES", 2)
        found = Curvature().examine(subject(few))
        assert not isinstance(found, NotApplicable)
        assert (found["train.converged"], found["test.converged"]) == (0.0, 0.0)

    def test_a_loss_without_curvature(self) -> None:
        """The logits do not depend on the parameters."""

        class Constant(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.weight = nn.Parameter(torch.ones(6, dtype=torch.float64))

            def forward(self, x: Tensor) -> Tensor:
                return x.flatten(1)[:, :5] + 0 * self.weight[:5]

        found = leading(hessian(Constant(), of_noise()), 3, tolerance=1e-3, limit=100, seed=0)
        assert found.values == found.residuals == (0.0, 0.0, 0.0)


def subject(data: Data, model: nn.Module | None = None) -> Subject:
    if model is None:
        torch.manual_seed(0)
        model = load_model(SOURCES["plain"], data.num_classes)
    return Subject(model=model.eval(), data=data, compute=CPU, batch_size=32, seed=5)


def drawn(split: Split, count: int) -> Batches:
    return subset(split, count, CPU, batch_size=32, seed=5)


def test_the_figures_are_those_of_the_parts(few: Data, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Curvature, "PROBES", 3)
    given = subject(few)
    found = Curvature().examine(given)
    assert not isinstance(found, NotApplicable)
    for name, split in (("train", few.train), ("test", few.test)):
        operator = hessian(given.model, drawn(split, Curvature.IMAGES))
        top = leading(operator, 3, tolerance=5e-4, limit=Curvature.PRODUCTS, seed=5)
        assert (found[f"{name}.trace"], found[f"{name}.trace_se"]) == trace(operator, 3, 5, top)
        assert found[f"{name}.converged"] == 1.0
        values = [found[f"{name}.eigenvalue_{rank}"] for rank in (1, 2, 3)]
        assert values == sorted(values, reverse=True)
        assert values[0] > 0


class TestSubset:
    def test_seeded_and_not_augmented(self, few: Data) -> None:
        batches = drawn(few.train, 50)
        assert [len(y) for _, y in batches] == [13, 13, 12, 12]  # of at most 16
        assert all(torch.equal(a[0], b[0]) for a, b in _twice(batches, drawn(few.train, 50)))
        [(x, labels)] = few.train.batches(len(few.train))
        known = {image.numpy().tobytes(): int(y) for image, y in zip(x, labels, strict=True)}
        found = [
            (image.numpy().tobytes(), int(y))
            for images, ys in batches
            for image, y in zip(images, ys, strict=True)
        ]
        assert len({image for image, _ in found}) == 50
        assert all(known[image] == y for image, y in found)

    def test_all_of_a_small_split(self, few: Data) -> None:
        assert sum(len(y) for _, y in drawn(few.test, 512)) == 40

    def test_never_more_than_fit(self, few: Data, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hessians, "BATCH", 5)
        assert max(len(y) for _, y in drawn(few.test, 512)) == 5


def _twice(a: Batches, b: Batches) -> list[tuple[tuple[Tensor, Tensor], tuple[Tensor, Tensor]]]:
    return list(zip(a, b, strict=True))


class TestObstacles:
    def test_training_mode(self, few: Data) -> None:
        model = nn.Sequential(nn.Flatten(), nn.Linear(256, 10)).eval()
        given = subject(few, model)
        model.train()
        with pytest.raises(ValueError, match="evaluation mode"):
            Curvature().examine(given)

    def test_a_loss_that_is_not_finite(self, few: Data) -> None:
        model = nn.Sequential(nn.Flatten(), nn.Linear(256, 10))
        nn.init.constant_(model[1].weight, float("nan"))
        with pytest.raises(ValueError, match="the loss is nan"):
            Curvature().examine(subject(few, model))

    def test_noise_in_evaluation_mode(self, few: Data) -> None:
        class Noisy(nn.Linear):
            def forward(self, x: Tensor) -> Tensor:
                return super().forward(x) + torch.randn(10)

        found = Curvature().examine(subject(few, nn.Sequential(nn.Flatten(), Noisy(256, 10))))
        assert found == NotApplicable("it draws random numbers in evaluation mode")

    def test_statistics_of_the_batch(self, few: Data) -> None:
        model = nn.Sequential(
            nn.BatchNorm2d(1, track_running_stats=False), nn.Flatten(), nn.Linear(256, 10)
        )
        found = Curvature().examine(subject(few, model))
        assert found == NotApplicable("its BatchNorm has no fixed statistics")

    def test_nothing_to_differentiate(self, few: Data) -> None:
        model = nn.Sequential(nn.Flatten(), nn.Linear(256, 10)).requires_grad_(False)
        found = Curvature().examine(subject(few, model))
        assert found == NotApplicable("it has no trainable parameters")
        assert trainable(model) == []
