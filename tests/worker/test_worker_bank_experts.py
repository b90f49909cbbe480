"""Experts of a bank: put there by one attempt, begun from by another."""

from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from train_samples import MIXTURE, SINGLE, TOP_1, finish

from nas.data.batches import TensorSplit
from nas.experts import Bank, BankError
from nas.measure.latency import measure_latency
from nas.schema import Outcome, Status
from nas.train import load_model
from nas.worker.evaluate import WEIGHTS

PAIR = MIXTURE.replace("(4, 6, 8)", "(8, 8)").replace("Gate(3)", "Gate(2)")
"""Two experts, each the network of SINGLE."""
PAIR_TOP_1 = TOP_1.replace("(4, 6, 8)", "(8, 8)").replace("Gate(3)", "Gate(2)")
FAMILIES = ("alpha", "beta")


@pytest.fixture
def bank(tmp_path: Path, make_trial: Any) -> Bank:
    """Two trained experts."""
    for attempt, family in enumerate(FAMILIES, start=1):
        trial = deposit(make_trial, tmp_path, attempt, family)
        _, outcome = finish(trial)
        assert outcome.status is Status.OK, outcome.detail
    return Bank(tmp_path / "bank")


def deposit(make_trial: Any, folder: Path, attempt: int, family: str, **changes: Any) -> Any:
    settings = {
        "families": (family,),
        "hold_out": 0.25,
        "bank": str(folder / "bank"),
        "keep_in_bank": True,
        "keep_weights": False,
        "recipe": {"epochs": 3},
    }
    return make_trial(SINGLE, attempt, **(settings | changes))


def warm(make_trial: Any, bank: Bank, start: str, code: str = PAIR, **changes: Any) -> Any:
    keys = {bank.entry(path.name).family: path.name for path in bank.folder.iterdir()}
    settings = {
        "families": FAMILIES,
        "hold_out": 0.25,
        "bank": str(bank.folder),
        "choices": {"start": start},
        "init_from": tuple(keys[family] for family in FAMILIES),
    }
    return make_trial(code, 9, **(settings | changes))


def weights_of(trial: Any, outcome: Outcome) -> dict[str, torch.Tensor]:
    assert outcome.weights == WEIGHTS
    return safetensors.torch.load_file(Path(trial.folder) / WEIGHTS)


def test_the_bank_keeps_what_the_model_says(bank: Bank, make_trial: Any, tmp_path: Path) -> None:
    trial = deposit(make_trial, tmp_path, 1, "alpha")
    entry = bank.entry(trial.candidate.key)
    bank.verify(entry)
    assert (entry.family, entry.held_images) == ("alpha", 40)  # a quarter of 14 of each of 10
    assert entry.inputs.train_images == 100
    assert entry.features is None
    logits, labels = bank.logits(entry)["test"]
    assert entry.test_acc == pytest.approx(float((logits.argmax(1) == labels).double().mean()))
    model = load_model(SINGLE, 10)
    safetensors.torch.load_model(model, bank.checked(entry, WEIGHTS))
    assert entry.latency == {}  # measured when nothing else runs
    weights = str(bank.checked(entry, WEIGHTS))
    found, _ = measure_latency(entry.candidate, SINGLE, weights, 10, "cpu", "auto")
    assert found.keys() == {1, 32}
    assert all(seconds > 0 for seconds in found.values())
    assert entry.proxies.keys() == {"grad_norm", "naswot"}
    assert not any(Path(trial.folder).glob("*.safetensors"))


def test_a_tuned_expert_trains_on_by_itself(bank: Bank, make_trial: Any, tmp_path: Path) -> None:
    begun = bank.entry(deposit(make_trial, tmp_path, 1, "alpha").candidate.key)
    trial = deposit(make_trial, tmp_path, 5, "alpha", init_from=(begun.key,))
    recipe = trial.candidate.recipe
    assert trial.candidate.training_recipe.lr == pytest.approx(recipe.lr * recipe.warm_lr)
    _, outcome = finish(trial)
    assert outcome.status is Status.OK, outcome.detail
    tuned = bank.entry(trial.candidate.key)
    assert tuned.key != begun.key
    assert tuned.held_images == begun.held_images == 40  # still out
    assert tuned.inputs.train_images == begun.inputs.train_images
    before, after = (
        safetensors.torch.load_file(bank.checked(entry, WEIGHTS)) for entry in (begun, tuned)
    )
    torch.manual_seed(0)
    fresh = load_model(SINGLE, 10).state_dict()
    name = next(name for name, value in fresh.items() if value.ndim > 1)
    moved = (after[name] - before[name]).norm()
    assert 0 < moved < 0.5 * (after[name] - fresh[name]).norm()


@pytest.mark.parametrize("what", ["batches", "to", "figures"])
def test_an_expert_is_not_lost_for_a_baseline(
    make_trial: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise torch.OutOfMemoryError("CUDA out of memory")

    def load(code: str, num_classes: int) -> Any:
        """The model, when all else is done: from here on the baseline alone is made."""
        model = load_model(code, num_classes)
        if what == "to":
            model.to = full  # type: ignore[method-assign, assignment]
        if what == "batches":
            monkeypatch.setattr(TensorSplit, "batches", full)
        return model

    monkeypatch.setattr("nas.worker.save_to_bank.load_model", load)
    if what == "figures":
        monkeypatch.setattr("nas.worker.save_to_bank.figures", full)
    trial = deposit(make_trial, tmp_path, 1, "alpha")
    _, outcome = finish(trial)
    assert outcome.status is Status.OK, outcome.detail
    assert Bank(Path(trial.bank)).entry(trial.candidate.key).proxies == {}


@pytest.mark.parametrize("code", [PAIR, PAIR_TOP_1], ids=["soft", "top1"])
def test_frozen_experts_stay_as_the_bank_has_them(bank: Bank, make_trial: Any, code: str) -> None:
    trial = warm(make_trial, bank, "frozen", code)
    epochs, outcome = finish(trial)
    assert outcome.status is Status.OK, outcome.detail
    assert len(epochs) == 2
    saved = weights_of(trial, outcome)
    for at, key in enumerate(trial.candidate.init_from):
        kept = safetensors.torch.load_file(bank.checked(bank.entry(key), WEIGHTS))
        assert any("running_mean" in name for name in kept)
        for name, tensor in kept.items():
            assert torch.equal(saved[f"experts.{at}.{name}"], tensor), name
    for expert, key in zip(outcome.experts, trial.candidate.init_from, strict=True):
        assert expert.val_acc == pytest.approx(bank.entry(key).val_acc)
    assert outcome.val_acc == pytest.approx(epochs[-1].val_acc)


def test_finetuned_experts_begin_as_the_bank_s_and_move(bank: Bank, make_trial: Any) -> None:
    trial = warm(make_trial, bank, "finetuned", recipe={"epochs": 1, "lr": 1e-6})
    _, outcome = finish(trial)
    assert outcome.status is Status.OK, outcome.detail
    assert outcome.inputs is not None
    assert outcome.inputs.train_images == 140  # nothing is held out from them
    saved = weights_of(trial, outcome)
    for at, key in enumerate(trial.candidate.init_from):
        kept = safetensors.torch.load_file(bank.checked(bank.entry(key), WEIGHTS))
        for name in ("0.weight", "5.weight"):
            moved = (saved[f"experts.{at}.{name}"] - kept[name]).abs().max()
            assert 0 < moved < 1e-4


def test_the_rate_of_trained_experts_is_turned_down_and_the_gate_s_is_not(
    bank: Bank, make_trial: Any
) -> None:
    trial = warm(make_trial, bank, "finetuned", recipe={"lr": 0.01, "warm_lr": 0.2})
    recipe = trial.candidate.training_recipe
    assert recipe.lr == pytest.approx(0.002)
    assert recipe.lr * recipe.gate_lr_multiplier == pytest.approx(0.02)


def test_warm_beats_scratch_after_one_epoch(bank: Bank, make_trial: Any) -> None:
    settings = {"recipe": {"epochs": 1}}
    _, warmed = finish(warm(make_trial, bank, "finetuned", **settings))
    _, scratch = finish(make_trial(PAIR, 8, families=FAMILIES, **settings))
    assert warmed.val_loss is not None
    assert scratch.val_loss is not None
    assert warmed.val_loss < scratch.val_loss  # accuracies of 30 images are too coarse


def test_an_interrupted_frozen_one_goes_on(bank: Bank, make_trial: Any, tmp_path: Path) -> None:
    whole = warm(make_trial, bank, "frozen", recipe={"epochs": 3})
    expected, _ = finish(whole)
    trial = whole.with_(folder=str(tmp_path / "again"), checkpoint_seconds=0.0)
    from nas.worker.evaluate import CHECKPOINT, evaluate

    events = evaluate(trial)
    next(events)
    second = next(events)
    events.close()
    resumed = trial.with_(folder=str(tmp_path / "on"), resume_from=f"{trial.folder}/{CHECKPOINT}")
    rest, outcome = finish(resumed)
    assert outcome.status is Status.OK
    assert second.val_acc == expected[1].val_acc  # type: ignore[union-attr]
    assert [epoch.val_acc for epoch in rest] == [expected[2].val_acc]


class TestBadInput:
    """What the bank lacks or has damaged is the bank's fault, and never the candidate's."""

    def test_a_lost_expert_is_reported(self, bank: Bank, make_trial: Any) -> None:
        trial = warm(make_trial, bank, "frozen")
        bank.remove(trial.candidate.init_from[0])
        _, outcome = finish(trial)
        assert (outcome.status, outcome.stage) == (Status.CRASH, "data")
        assert "the bank has no such expert" in outcome.message

    def test_a_damaged_expert_is_reported(self, bank: Bank, make_trial: Any) -> None:
        trial = warm(make_trial, bank, "finetuned")
        path = bank.folder / trial.candidate.init_from[1] / WEIGHTS
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        _, outcome = finish(trial)
        assert (outcome.status, outcome.stage) == (Status.CRASH, "data")
        assert "checksum" in outcome.message

    def test_labels_that_do_not_match_are_refused(self, bank: Bank, make_trial: Any) -> None:
        trial = warm(make_trial, bank, "frozen", hold_out=0.5)
        _, outcome = finish(trial)
        assert (outcome.status, outcome.stage) == (Status.CRASH, "data")
        assert "are for other images" in outcome.message

    def test_trained_experts_need_a_bank(self, make_trial: Any) -> None:
        _, outcome = finish(make_trial(PAIR, families=FAMILIES, choices={"start": "frozen"}))
        assert outcome.status is Status.CRASH
        assert "must come from a bank" in outcome.message

    def test_a_bank_wants_images_held_out(self, make_trial: Any, tmp_path: Path) -> None:
        _, outcome = finish(deposit(make_trial, tmp_path, 1, "alpha", hold_out=0.0))
        assert (outcome.status, outcome.stage) == (Status.CRASH, "save")
        assert "needs held-out images" in outcome.message

    def test_a_full_bank_is_the_attempt_s_failure(self, make_trial: Any, tmp_path: Path) -> None:
        _, outcome = finish(deposit(make_trial, tmp_path, 1, "alpha", bank_bytes=1000))
        assert (outcome.status, outcome.stage) == (Status.CRASH, "save")
        assert "more than its limit" in outcome.message
        with pytest.raises(BankError):
            Bank(tmp_path / "bank").entry(outcome.message)
