"""Whatever goes wrong in an attempt is an outcome."""

import itertools
import time
from pathlib import Path
from typing import Any

import pytest
from train_samples import MIXTURE, finish
from worker_samples import fails, watch_models

from nas.schema import Epoch, Outcome, Status
from nas.worker.evaluate import evaluate
from nas.working_time import LONGEST_GAP, WorkingTime


class TestFaults:
    @pytest.mark.parametrize(
        ("code", "status", "stage", "message"),
        [
            (fails("y = y * float('nan')"), Status.NAN, "train", "not finite in epoch 1"),
            (
                fails("raise torch.OutOfMemoryError('CUDA out of memory. Tried 2 GiB')"),
                Status.OOM,
                "train",
                "CUDA out of memory. Tried 2 GiB",
            ),
            (fails("torch.empty(2**55)"), Status.OOM, "train", "allocate"),
            (fails("torch.empty(2**55)", where="build"), Status.OOM, "build", "allocate"),
            (fails("raise MemoryError"), Status.OOM, "train", "MemoryError"),
            (fails("raise MemoryError", where="build"), Status.OOM, "build", "MemoryError"),
            (fails("y = y @ y"), Status.CRASH, "train", "mat1 and mat2 shapes"),
            (fails("raise ValueError('long ' * 999)"), Status.CRASH, "train", "long …"),
            (fails("raise ValueError('a\\nb')"), Status.CRASH, "train", "ValueError: a b"),
            ("x = 1", Status.INVALID, "build", "no build"),
            (
                fails("raise ValueError('no')", where="build"),
                Status.INVALID,
                "build",
                "the model does not build: ValueError: no",
            ),
        ],
    )
    def test_a_fault_is_an_outcome(
        self, make_trial: Any, code: str, status: Status, stage: str, message: str
    ) -> None:
        epochs, outcome = finish(make_trial(code))
        assert epochs == []
        assert (outcome.status, outcome.stage) == (status, stage)
        assert message in outcome.message
        assert "\n" not in outcome.message
        assert len(outcome.message) < 350
        assert outcome.detail.startswith("Traceback")
        assert outcome.val_acc is None

    @pytest.mark.parametrize(
        ("recipe", "start", "message"),
        [
            ({"warm_lr": 1e-4}, "finetuned", "gate_lr_multiplier is beyond its bounds: 20000"),
            ({"settings": {"alone": 1}}, "scratch", "joint has no setting 'alone'"),
        ],
    )
    def test_a_recipe_that_cannot_train_is_invalid_before_data_are_loaded(
        self, make_trial: Any, recipe: dict[str, Any], start: str, message: str
    ) -> None:
        trial = make_trial(recipe=recipe, choices={"start": start}, dataset="folder:/nowhere")
        epochs, outcome = finish(trial)
        assert epochs == []
        assert (outcome.status, outcome.stage) == (Status.INVALID, "build")
        assert message in outcome.message

    def test_a_fault_in_a_later_epoch_keeps_the_earlier_ones(self, make_trial: Any) -> None:
        code = fails(
            "self.calls = getattr(self, 'calls', 0) + self.training\n"
            "        if self.calls == 10: raise ValueError('late')"
        )
        epochs, outcome = finish(make_trial(code))  # 7 steps an epoch
        assert len(epochs) == outcome.epochs == 1
        assert outcome.status is Status.CRASH
        assert '"<rendered model>", line' in outcome.detail

    @pytest.mark.parametrize("limit", [0.0, 0.5])
    def test_the_time_limit_ends_it_between_steps(self, make_trial: Any, limit: float) -> None:
        slow = fails("import time; time.sleep(0.05)")
        _, outcome = finish(make_trial(slow, time_limit=limit, recipe={"epochs": 100}))
        assert outcome.status is Status.TIMEOUT
        assert outcome.stage == "train"
        assert outcome.message == f"reached its time limit of {limit:g} s"

    @pytest.mark.parametrize(("passes", "status"), [(10_000.0, Status.OK), (1.5, Status.TIMEOUT)])
    def test_a_stop_of_its_process_is_not_its_time(
        self, make_trial: Any, monkeypatch: pytest.MonkeyPatch, passes: float, status: Status
    ) -> None:
        """Between any two looks at the clock: long enough to have been stopped, or at work."""
        clock = WorkingTime(itertools.count(0.0, passes).__next__)
        monkeypatch.setattr("nas.working_time._clock", clock)
        looks = 200  # at most, in the whole attempt
        limit = looks * LONGEST_GAP if status is Status.OK else 20.0
        assert finish(make_trial(time_limit=limit))[1].status is status

    def test_a_driver_that_keeps_it_waiting_costs_it_no_time(self, make_trial: Any) -> None:
        seen: list[Epoch | Outcome] = []
        begun = time.monotonic()
        for event in evaluate(make_trial()):
            seen.append(event)
            if len(seen) == 1:
                time.sleep(2.0)
        outcome = seen[-1]
        assert isinstance(outcome, Outcome)
        assert outcome.status is Status.OK
        assert outcome.seconds <= time.monotonic() - begun - 2.0

    def test_data_that_is_not_there(self, make_trial: Any, tmp_path: Path) -> None:
        _, outcome = finish(make_trial(dataset=f"folder:{tmp_path / 'none'}"))
        assert (outcome.status, outcome.stage) == (Status.CRASH, "data")
        assert outcome.message.startswith(f"{tmp_path / 'none'}: there is no such folder — put")

    def test_a_disk_that_refuses_costs_the_files_not_the_result(
        self, make_trial: Any, tmp_path: Path
    ) -> None:
        blocked = tmp_path / "file"
        blocked.touch()
        trial = make_trial(folder=str(blocked / "attempt"), checkpoint_seconds=0)
        _, outcome = finish(trial)
        assert outcome.status is Status.OK
        assert outcome.val_acc is not None
        assert outcome.weights is None
        assert "no checkpoint after epoch 1" in outcome.message
        assert "weights not saved" in outcome.message

    @pytest.mark.parametrize("code", [MIXTURE, fails("raise MemoryError")], ids=["ok", "oom"])
    def test_the_model_is_freed_before_the_outcome_arrives(
        self, make_trial: Any, monkeypatch: pytest.MonkeyPatch, code: str
    ) -> None:
        models = watch_models(monkeypatch)
        for event in evaluate(make_trial(code)):
            if isinstance(event, Outcome):
                assert len(models) == 1
                assert models[0]() is None
