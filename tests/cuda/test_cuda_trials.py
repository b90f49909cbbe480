"""One process, one device: the same figures as on a CPU, and the right end for each accident."""

from pathlib import Path

import numpy as np
import pytest
import torch
from bank_maker import fill
from cuda_samples import ASSERTING, HUNGRY, SOUND, finish, trial

from nas.experts.components import load
from nas.experts.mixtures import enumerate_mixtures
from nas.experts.screen import screen
from nas.hardware.smoke import smoke_kernel
from nas.schema import CHECKPOINT, Epoch, Outcome, Status
from nas.worker.evaluate import evaluate


def test_the_smoke_kernel_runs(device: str) -> None:
    smoke_kernel(torch.device(device))


def test_figures_are_those_of_a_cpu(device: str, tmp_path: Path) -> None:
    """fp32 but for the order of sums; bf16 has 8 bits, and losses of two epochs differ little."""
    right, outcome = finish(trial(tmp_path, 1, SOUND, "cpu"))
    assert outcome.status is Status.OK, outcome.message
    for attempt, precision, tolerance in ((2, "fp32", 0.01), (3, "bf16", 0.05)):
        requests = trial(tmp_path, attempt, SOUND, device, recipe={"precision": precision})
        found, outcome = finish(requests)
        assert outcome.status is Status.OK, outcome.message
        for a, b in zip(right, found, strict=True):
            assert b.train_loss == pytest.approx(a.train_loss, rel=tolerance)
            assert b.val_loss == pytest.approx(a.val_loss, rel=tolerance)
    if device == "cpu":
        again = finish(trial(tmp_path, 4, SOUND, device))[0]
        assert [e.val_loss for e in again] == [e.val_loss for e in right]


def test_two_and_two_epochs_are_four(device: str, tmp_path: Path) -> None:
    four = {"epochs": 4}
    whole, _ = finish(trial(tmp_path, 1, SOUND, device, recipe=four))
    first = trial(tmp_path, 2, SOUND, device, recipe=four)
    epochs: list[Epoch] = []
    for event in evaluate(first):
        if isinstance(event, Outcome):
            assert event.status is Status.INTERRUPTED
            break
        epochs.append(event)
        if event.epoch == 1:
            Path(first.stop_file).touch()
    Path(first.stop_file).unlink()
    saved = Path(first.folder) / CHECKPOINT
    rest, outcome = finish(trial(tmp_path, 3, SOUND, device, recipe=four, resume_from=str(saved)))
    assert outcome.status is Status.OK, outcome.message
    assert "scratch" not in outcome.message
    found = [e.val_loss for e in (*epochs, *rest)]
    expected = [e.val_loss for e in whole]
    assert [e.epoch for e in (*epochs, *rest)] == [1, 2, 3, 4]
    # A GPU adds in no fixed order.
    assert found == (expected if device == "cpu" else pytest.approx(expected, rel=0.01))


def test_out_of_memory_has_its_own_outcome_and_the_next_trial_is_sound(
    device: str, tmp_path: Path
) -> None:
    share = {"memory_fraction": 1 / 16} if device == "cuda" else {}
    _, outcome = finish(trial(tmp_path, 1, HUNGRY, device, **share))
    assert (outcome.status, outcome.stage) == (Status.OOM, "train")
    assert not outcome.needs_restart
    _, outcome = finish(trial(tmp_path, 2, SOUND, device, **share))
    assert outcome.status is Status.OK, outcome.message


@pytest.mark.parametrize("columns", [["uniform", "uniform_loss", "oracle", "static", "probe"]])
def test_a_screen_is_that_of_a_cpu(device: str, columns: list[str], tmp_path: Path) -> None:
    experts = load(*fill(tmp_path / "bank"))
    families = [entry.family for entry in experts.entries]
    sets = enumerate_mixtures(families, 2, limit=1000, seed=0)
    right = screen(experts, sets, top=4, seed=0)
    found = screen(experts.on(device), sets, top=4, seed=0)
    assert found.members.tolist() == right.members.tolist()
    for name in columns:
        np.testing.assert_allclose(found.columns[name], right.columns[name], rtol=1e-4, atol=1e-6)


def test_a_fault_of_a_kernel_asks_for_a_new_process(device: str, tmp_path: Path) -> None:
    if device == "cuda":
        pytest.skip("it would spoil this process: see test_cuda_processes")
    _, outcome = finish(trial(tmp_path, 1, ASSERTING, device))
    assert (outcome.status, outcome.stage) == (Status.CRASH, "train")
    assert "IndexError" in outcome.message
