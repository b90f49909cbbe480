"""Weights and gates fitted on held-out predictions."""

from pathlib import Path

import numpy as np
import pytest
import torch
from bank_maker import fill, labels, put
from torch.nn import functional

from nas.experts import Bank, BankError
from nas.experts.components import ExpertPredictions, load
from nas.experts.fitting import ROUNDS, _selected, gates, selection
from nas.experts.mixtures import enumerate_mixtures
from nas.experts.screen import fits_of, screen


@pytest.fixture
def experts(tmp_path: Path) -> ExpertPredictions:
    return load(*fill(tmp_path / "bank"))


def test_selection_is_the_greedy_one() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(3, 4, 5, 80, generator=generator)
    truth = torch.randint(5, (80,), generator=generator)
    for mixture, counts in zip(logits, _selected(logits, truth).tolist(), strict=True):
        taken, total = [0] * 4, torch.zeros(5, 80)
        for number in range(1, ROUNDS + 1):
            losses = [
                float(functional.cross_entropy(((total + one) / number).T, truth))
                for one in mixture
            ]
            best = int(np.argmin(losses))
            taken[best] += 1
            total += mixture[best]
        assert taken == counts


def test_selection_leaves_out_who_knows_nothing(tmp_path: Path) -> None:
    bank = Bank(tmp_path / "bank")
    entries = [put(bank, "a", skill=4.0, seed=1), put(bank, "b", skill=-3.0, seed=2)]
    table = load(bank, entries)
    found = selection(table, np.array([[0, 1]]))
    alone = (table.logits["val"][0].argmax(0) == table.labels["val"]).double().mean()
    assert found.val[0] == pytest.approx(float(alone))


def routed(images: int, seed: int) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Two experts, each right on one side of a feature and wrong on the other."""
    generator = torch.Generator().manual_seed(seed)
    side = torch.randint(2, (images,), generator=generator)
    truth = torch.randint(3, (images,), generator=generator)
    logits = torch.zeros(2, 3, images)
    for expert in range(2):
        messages = torch.where(side == expert, truth, (truth + 1) % 3)
        logits[expert, messages, torch.arange(images)] = 4.0
    features = torch.stack([2.0 * side - 1, torch.randn(images, generator=generator)], dim=1)
    return logits, truth, features


def test_a_gate_learns_whom_to_ask(experts: ExpertPredictions) -> None:
    parts = {split: routed(n, n) for split, n in (("held", 200), ("val", 150), ("test", 100))}
    table = ExpertPredictions(
        experts.entries[:2],
        {split: part[0] for split, part in parts.items()},
        {split: part[1] for split, part in parts.items()},
        {split: part[2] for split, part in parts.items()},
        {split: part[2].expand(2, -1, -1) for split, part in parts.items()},
    )
    found = gates(table, np.array([[0, 1]]))
    assert found.val[0] > 0.97
    assert found.test[0] > 0.97
    assert selection(table, np.array([[0, 1]])).val[0] < 0.85


def test_a_gate_does_not_depend_on_its_neighbours(experts: ExpertPredictions) -> None:
    members = enumerate_mixtures(experts.families, 3, limit=100).members
    together = gates(experts, members)
    for at in (0, 4, 9):
        by_itself = gates(experts, members[at : at + 1])
        assert by_itself.val[0] == together.val[at]
        assert by_itself.val_loss[0] == pytest.approx(together.val_loss[at], rel=1e-4)


def test_a_whole_screen(experts: ExpertPredictions) -> None:
    reported: dict[str, tuple[int, int]] = {}
    sets = enumerate_mixtures(experts.families, 3, limit=100)
    found = screen(experts, sets, top=4, watch=lambda what, n, of: reported.update({what: (n, of)}))
    fits = dict.fromkeys(("probes", "static weights", "gates"), (4, 4))
    assert reported == {"averages": (10, 10), **fits}
    c = found.columns
    assert (np.diff(c["uniform"]) <= 0).all()
    assert (c["oracle"] >= c["best_member"]).all()
    for name in ("probe", "static", "gate", "uniform_test", "probe_test", "gate_test"):
        assert np.isfinite(c[name][:4]).all()
        assert np.isnan(c[name][4:]).all()
    assert c["params"].tolist() == [3000.0] * 10
    assert c["latency"] == pytest.approx(0.003)
    again = screen(experts, sets, top=4)
    for name, values in c.items():
        np.testing.assert_array_equal(values, again.columns[name])


def test_a_mixture_that_is_fitted_later_is_fitted_alike(tmp_path: Path) -> None:
    bank, entries = fill(tmp_path / "bank")
    table = load(bank, entries)
    sets = enumerate_mixtures(table.families, 3, limit=100)
    found = screen(table, sets, top=10)
    late = [7, 9]
    names = [
        ("+".join(table.families[e] for e in row), "+".join(f"{table.families[e]}_s" for e in row))
        for row in found.members[late]
    ]
    fitted = fits_of(bank.folder, [entry.key for entry in entries[::-1]], names, 0)
    assert {"probe", "static_loss", "gate_test", "uniform_test"} < fitted.keys()
    for column, values in fitted.items():
        assert values == pytest.approx(found.columns[column][late], rel=1e-4), column


class TestLoad:
    def test_experts_stand_by_family(self, tmp_path: Path) -> None:
        bank, entries = fill(tmp_path / "bank")
        table = load(bank, entries[::-1])
        assert table.families == tuple("abcde")
        assert table.logits["held"].shape == (5, 3, 60)
        held = table.features["held"]
        assert held.mean(0).abs().max() < 1e-4
        assert held.std(0) == pytest.approx(torch.ones(held.shape[1]), abs=1e-3)

    def test_other_labels_are_refused(self, tmp_path: Path) -> None:
        bank, entries = fill(tmp_path / "bank", "ab")
        entries.append(put(bank, "c", truth=labels(seed=7)))
        with pytest.raises(BankError, match="c_s and a_s have predictions for different images"):
            load(bank, entries)

    def test_numbers_that_are_not_finite_are_refused(self, tmp_path: Path) -> None:
        bank = Bank(tmp_path / "bank")
        entries = [put(bank, "a"), put(bank, "b", skill=float("nan"))]
        with pytest.raises(BankError, match="not finite"):
            load(bank, entries)

    def test_a_damaged_file_is_reported(self, tmp_path: Path) -> None:
        bank, entries = fill(tmp_path / "bank", "ab")
        (bank.folder / entries[0].key / "features.safetensors").write_bytes(b"{}")
        with pytest.raises(BankError, match="checksum"):
            load(bank, entries)

    def test_a_bank_without_features_has_no_gates(self, tmp_path: Path) -> None:
        bank = Bank(tmp_path / "bank")
        with pytest.raises(BankError, match="no expert of the bank has features"):
            load(bank, [put(bank, "a", features=None)])


def test_what_is_too_large_or_too_slow_is_left_out(experts: ExpertPredictions) -> None:
    pairs, triples = np.array([[0, 1]]), np.array([[0, 1, 2]])
    assert experts.within(triples, None, None).all()
    assert experts.within(triples, 3000, 0.0031).all()
    assert not experts.within(triples, 2999, None).any()
    assert not experts.within(triples, None, 0.0029).any()
    assert experts.within(pairs, 2999, 0.0029).all()
