"""Linear probes beside the average."""

from pathlib import Path

import numpy as np
import pytest
import torch
from bank_maker import fill, put
from sklearn.linear_model import LogisticRegression
from torch.nn import functional

from nas.experts import Bank, linear_probe
from nas.experts.components import ExpertPredictions, load
from nas.experts.linear_probe import RIDGE, fit, probes
from nas.experts.mixtures import enumerate_mixtures


@pytest.fixture
def experts(tmp_path: Path) -> ExpertPredictions:
    return load(*fill(tmp_path / "bank"))


def drawn(q: int = 2, n: int = 60, d: int = 5, c: int = 4) -> tuple[torch.Tensor, ...]:
    generator = torch.Generator().manual_seed(0)
    seen = torch.randn(q, n, d, generator=generator)
    offset = torch.randn(q, n, c, generator=generator)
    return seen, offset, torch.randint(c, (n,), generator=generator)


def objective(
    found: torch.Tensor, seen: torch.Tensor, offset: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """`(q,)`: what a probe minimises."""
    loss = functional.cross_entropy(
        (offset + seen @ found).transpose(1, 2), labels.expand(len(seen), -1), reduction="none"
    )
    return loss.sum(dim=1) + RIDGE / 2 * (found**2).sum(dim=(1, 2))


def test_no_step_overshoots(monkeypatch: pytest.MonkeyPatch) -> None:
    data = drawn()
    before = objective(torch.zeros(2, 5, 4), *data)
    for steps in range(1, 8):
        monkeypatch.setattr(linear_probe, "STEPS", steps)
        after = objective(fit(*data), *data)
        assert (after < before).all()
        before = after


def test_its_end_is_that_of_logistic_regression(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an offset scikit-learn minimises the same."""
    monkeypatch.setattr(linear_probe, "STEPS", 300)
    seen, offset, labels = drawn(q=1)
    found = fit(seen, torch.zeros_like(offset), labels)[0]
    known = LogisticRegression(C=1 / RIDGE, fit_intercept=False, tol=1e-8, max_iter=1000)
    known.fit(seen[0], labels)
    assert torch.allclose(found, torch.from_numpy(known.coef_.T).float(), atol=1e-3)


def test_it_sees_what_the_experts_do_not_say(tmp_path: Path) -> None:
    """Experts that know nothing, one of whose features gives the class away."""
    bank = Bank(tmp_path / "bank")
    entries = [put(bank, family, skill=0.0, seed=n) for n, family in enumerate("ab")]
    table = load(bank, entries)
    for split, truth in table.labels.items():
        table.views[split][0, :, :3] = functional.one_hot(truth, 3).float() * 3
    members = np.array([[0, 1]])
    plain = (table.logits["test"].mean(dim=0).argmax(dim=0) == table.labels["test"]).double().mean()
    found = probes(table, members)
    assert found.test[0] > max(0.9, float(plain) + 0.3)
    assert found.val[0] > 0.9


def test_without_features_it_is_the_average(tmp_path: Path) -> None:
    bank = Bank(tmp_path / "bank")
    entries = [put(bank, family, features=5 if family == "c" else None) for family in "abc"]
    table = load(bank, entries)
    found = probes(table, np.array([[0, 1]]))
    mean = table.logits["val"][:2].mean(dim=0).T
    assert found.val_loss[0] == pytest.approx(
        float(functional.cross_entropy(mean, table.labels["val"])), rel=1e-5
    )


def test_views_have_variance_one(experts: ExpertPredictions) -> None:
    held = experts.views["held"]
    assert held.shape[0] == 5
    assert held.var(dim=1).sum(dim=1) == pytest.approx(torch.ones(5), abs=1e-4)
    assert held.mean(dim=1).abs().max() < 1e-5


def test_a_probe_does_not_depend_on_its_neighbours(
    experts: ExpertPredictions, monkeypatch: pytest.MonkeyPatch
) -> None:
    members = enumerate_mixtures(experts.families, 3, limit=100).members
    together = probes(experts, members)
    monkeypatch.setattr(linear_probe, "_CELLS", 1)  # one at a time
    alone = probes(experts, members)
    np.testing.assert_array_equal(alone.val, together.val)
    np.testing.assert_allclose(alone.val_loss, together.val_loss, rtol=1e-4)
