"""One attempt from its trial to its outcome."""

import gc
import hashlib
import itertools
import os
import time
import weakref
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch
from torch import nn
from train_samples import FAMILIES, MIXTURE, SINGLE, TOP_1, figures, finish

import nas.data
from nas.compute import keep_survivors
from nas.render import render
from nas.schema import Candidate, Epoch, Member, Outcome, Recipe, Status, Task, Trial
from nas.schema.candidate import Expert
from nas.train import load_model, score
from nas.train.checkpoint import load_checkpoint
from nas.train.procedures import base
from nas.worker import evaluate as module
from nas.worker.evaluate import CHECKPOINT, WEIGHTS, evaluate
from nas.working_time import LONGEST_GAP, WorkingTime


def fails(how: str, *, where: str = "forward") -> str:
    """A rendered-like control that does `how` in `forward` or in `build`."""
    actions = {"forward": "pass", "build": "pass"} | {where: how}
    return f"""
import torch
from torch import nn

class Faulty(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(256, 10)

    def forward(self, x):
        y = self.linear(x.flatten(1))
        {actions["forward"]}
        return y

def build(num_classes):
    {actions["build"]}
    return Faulty()
"""


class TestWell:
    @pytest.mark.parametrize("code", [MIXTURE, SINGLE], ids=["mixture", "plain"])
    def test_the_last_validation_is_scored_once(
        self, make_trial: Any, monkeypatch: pytest.MonkeyPatch, code: str
    ) -> None:
        scored: list[int] = []

        def watched(model: nn.Module, split: Any, *args: Any, **kwargs: Any) -> Any:
            scored.append(len(split))
            return score(model, split, *args, **kwargs)

        monkeypatch.setattr(base, "score", watched)
        monkeypatch.setattr(module, "score", watched)
        epochs, outcome = finish(make_trial(code))
        assert len(epochs) == 2
        assert scored == [outcome.val_images] * 2 + [outcome.test_images]
        assert (outcome.val_acc, outcome.val_loss) == (epochs[1].val_acc, epochs[1].val_loss)

    @pytest.mark.parametrize("code", [MIXTURE, TOP_1], ids=["soft", "top1"])
    def test_a_mixture_is_trained_and_measured(self, make_trial: Any, code: str) -> None:
        epochs, outcome = finish(make_trial(code))
        assert outcome.status is Status.OK
        assert (outcome.stage, outcome.message, outcome.detail) == ("", "", "")
        assert [epoch.epoch for epoch in epochs] == [1, 2]
        assert outcome.epochs == 2
        assert outcome.val_acc == epochs[-1].val_acc
        assert outcome.val_loss == epochs[-1].val_loss
        assert [expert.family for expert in outcome.experts] == list(FAMILIES)
        for split in ("val", "test"):
            accs = [getattr(expert, f"{split}_acc") for expert in outcome.experts]
            oracle = getattr(outcome, f"oracle_{split}_acc")
            assert max(accs) <= oracle <= min(1, sum(accs))
            assert 0 <= getattr(outcome, f"uniform_{split}_acc") <= 1
        assert tuple(expert.usage for expert in outcome.experts) == epochs[-1].usage
        assert outcome.params == sum(p.numel() for p in load_model(code, 10).parameters())
        assert outcome.seconds >= sum(epoch.seconds for epoch in epochs)
        assert outcome.inputs is not None
        assert outcome.inputs.class_names == tuple("0123456789")
        assert len(outcome.inputs.mean) == len(outcome.inputs.std) == 1
        images = ("train_images", "val_images", "test_images")
        assert [getattr(outcome.inputs, name) for name in images] == [140, 30, 30]

    def test_a_control_is_trained_and_measured(self, make_trial: Any) -> None:
        _, outcome = finish(make_trial(SINGLE))
        assert outcome.status is Status.OK
        assert outcome.val_acc is not None
        assert outcome.val_acc > 0.2
        assert outcome.experts == ()
        assert outcome.oracle_val_acc is outcome.uniform_test_acc is None

    def test_the_saved_weights_give_the_measured_accuracy(self, make_trial: Any) -> None:
        trial = make_trial()
        _, outcome = finish(trial)
        assert outcome.weights == WEIGHTS
        content = (Path(trial.folder) / WEIGHTS).read_bytes()
        assert outcome.weights_sha256 == hashlib.sha256(content).hexdigest()
        model = load_model(trial.code, 10)
        path = Path(trial.folder) / WEIGHTS
        safetensors.torch.load_model(model, path)
        assert all(t.dtype != torch.bfloat16 for t in safetensors.torch.load_file(path).values())
        model.eval()
        data = nas.data.load(
            trial.candidate.task,
            image_size=16,
            channels=1,
            root=Path(trial.data_root),
            device=torch.device("cpu"),
        )
        with torch.no_grad():
            hits = sum(int((model(x).argmax(1) == y).sum()) for x, y in data.test.batches(100))
        assert hits / len(data.test) == outcome.test_acc
        assert sorted(p.name for p in Path(trial.folder).iterdir()) == [WEIGHTS]

    def test_weights_with_two_names_are_saved_once(self, make_trial: Any) -> None:
        code = MIXTURE + "\n".join(
            (
                "",
                "def build(num_classes):",
                "    model = Mixture(num_classes, k=0)",
                "    model.gate.twin = model.gate.linear",
                "    return model",
            )
        )
        trial = make_trial(code)
        _, outcome = finish(trial)
        assert outcome.weights == WEIGHTS, outcome.message
        model = load_model(code, 10)
        assert safetensors.torch.load_model(model, Path(trial.folder) / WEIGHTS) == (set(), [])

    def test_weights_are_not_kept_unless_requested(self, make_trial: Any) -> None:
        trial = make_trial(keep_weights=False)
        assert finish(trial)[1].weights is None
        assert not Path(trial.folder).exists()

    def test_the_result_does_not_depend_on_what_the_worker_ran_before(
        self, make_trial: Any
    ) -> None:
        alone = finish(make_trial(SINGLE))
        finish(make_trial(MIXTURE, attempt=2))
        torch.rand(3)
        again = finish(make_trial(SINGLE, attempt=3))
        assert figures(alone[1]) == figures(again[1])
        assert [figures(e) for e in alone[0]] == [figures(e) for e in again[0]]
        other = finish(make_trial(SINGLE, attempt=4, replicate=1))
        assert figures(other[1]) != figures(again[1])

    def test_trials_of_one_worker_share_the_data(
        self, make_trial: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Frozen candidates, whose task holds images out, and finetuned ones, whose does not."""
        module.DATA.clear()
        loads = []
        load = nas.data.load_images

        def counted(*args: Any, **kwargs: Any) -> Any:
            loads.append(args)
            return load(*args, **kwargs)

        monkeypatch.setattr(nas.data, "load_images", counted)
        trained = [
            finish(make_trial(SINGLE, attempt=attempt, hold_out=share))[1].inputs.train_images  # type: ignore[union-attr]
            for attempt, share in enumerate((0.2, 0.0, 0.2), start=1)
        ]
        assert trained == [110, 140, 110]
        assert len(loads) == 1

    def test_a_worker_takes_the_threads_it_is_given(self, make_trial: Any) -> None:
        threads = torch.get_num_threads()
        try:
            finish(make_trial(SINGLE, threads=2))
            assert torch.get_num_threads() == 2
            finish(make_trial(SINGLE, threads=1))
            assert torch.get_num_threads() == 1
        finally:
            torch.set_num_threads(threads)


class TestStopping:
    def test_stopped_and_resumed_equals_never_stopped(self, make_trial: Any) -> None:
        recipe = {"epochs": 4}
        whole_epochs, whole = finish(make_trial(recipe=recipe))

        seen: list[Epoch] = []
        resume_from = None
        for attempt in range(2, 5):  # stopped in every second epoch
            trial = make_trial(attempt=attempt, recipe=recipe, resume_from=resume_from)
            Path(trial.stop_file).unlink(missing_ok=True)
            events = []
            for event in evaluate(trial):
                events.append(event)
                Path(trial.stop_file).touch()
            *epochs, outcome = events
            seen += epochs
            if outcome.status is Status.OK:
                break
            assert outcome.status is Status.INTERRUPTED
            assert len(epochs) == 2
            assert outcome.epochs == len(seen)
            resume_from = str(Path(trial.folder) / CHECKPOINT)
        assert figures(outcome) == figures(whole)
        assert [figures(e) for e in seen] == [figures(e) for e in whole_epochs]

    def test_nothing_is_trained_once_the_campaign_stops(self, make_trial: Any) -> None:
        trial = make_trial()
        Path(trial.stop_file).touch()
        [outcome] = evaluate(trial)
        assert (outcome.status, outcome.epochs) == (Status.INTERRUPTED, 0)

    def test_a_checkpoint_is_there_before_its_epoch_is_reported(self, make_trial: Any) -> None:
        trial = make_trial(checkpoint_seconds=0)
        path = Path(trial.folder) / CHECKPOINT
        for event in evaluate(trial):
            if isinstance(event, Epoch):
                assert load_checkpoint(path, trial.candidate.key)["epoch"] == event.epoch

    def test_without_cause_none_is_written(self, make_trial: Any) -> None:
        trial = make_trial()
        finish(trial)
        assert not (Path(trial.folder) / CHECKPOINT).exists()

    def test_after_a_lost_attempt_the_first_epoch_is_kept_and_the_second_is_not(
        self, make_trial: Any
    ) -> None:
        trial = make_trial(checkpoint_first=True)
        finish(trial)
        state = load_checkpoint(Path(trial.folder) / CHECKPOINT, trial.candidate.key)
        assert state["epoch"] == 1

    def test_an_attempt_killed_after_its_last_epoch_is_only_measured(self, make_trial: Any) -> None:
        trial = make_trial(checkpoint_seconds=0)
        whole = finish(trial)[1]
        again = make_trial(attempt=2, resume_from=str(Path(trial.folder) / CHECKPOINT))
        epochs, outcome = finish(again)
        assert epochs == []
        assert figures(outcome) == figures(whole)

    @pytest.mark.parametrize(
        "what",
        [
            *("missing", "damaged", "empty", "code", "another's", "shapes", "epoch"),
            *("a link", "behind a link", "a folder", "a pipe"),
        ],
    )
    def test_an_unusable_checkpoint_is_reported_and_training_starts_over(
        self, make_trial: Any, tmp_path: Path, what: str
    ) -> None:
        path = tmp_path / "old.pt"
        if what == "damaged":
            other = make_trial(attempt=9, checkpoint_seconds=0)
            finish(other)
            path.write_bytes((Path(other.folder) / CHECKPOINT).read_bytes()[:-500])
        elif what.endswith("link"):
            sound = make_trial(attempt=9, checkpoint_seconds=0)
            finish(sound)
            if what == "a link":
                path.symlink_to(Path(sound.folder) / CHECKPOINT)
            else:
                (tmp_path / "8").symlink_to(sound.folder)
                path = tmp_path / "8" / CHECKPOINT
        elif what == "a folder":
            path.mkdir()
        elif what == "a pipe":
            os.mkfifo(path)
        elif what == "empty":
            path.touch()
        elif what == "code":
            torch.save({"format": 1, "key": nn.Linear(1, 1)}, path)
        elif what in ("shapes", "epoch"):  # as an older nas's may hold, which have no digest
            state = {"epoch": 3 if what == "epoch" else 1, "model": {}, "optimizer": {}}
            content = {"format": 1, "key": make_trial().candidate.key, "state": state}
            torch.save(content, path)
        elif what == "another's":
            other = make_trial(SINGLE, attempt=9, checkpoint_seconds=0, replicate=5)
            finish(other)
            path = Path(other.folder) / CHECKPOINT
        epochs, outcome = finish(make_trial(resume_from=str(path)))
        assert outcome.status is Status.OK
        assert len(epochs) == 2
        assert outcome.message.startswith(f"started from scratch: {path} ")

    def test_closing_after_an_epoch_ends_it_and_frees_the_model(
        self, make_trial: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        models = watch_models(monkeypatch)
        events = evaluate(make_trial())
        next(events)
        events.close()  # type: ignore[attr-defined]
        assert models[0]() is None

    def test_ctrl_c_is_not_swallowed(self, make_trial: Any) -> None:
        with pytest.raises(KeyboardInterrupt):
            finish(make_trial(fails("raise KeyboardInterrupt")))


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


def watch_models(monkeypatch: pytest.MonkeyPatch) -> list["weakref.ref[nn.Module]"]:
    """Weak references to the models that are built from now on."""
    models: list[weakref.ref[nn.Module]] = []

    def load(code: str, num_classes: int) -> nn.Module:
        model = load_model(code, num_classes)
        models.append(weakref.ref(model))
        return model

    monkeypatch.setattr(module, "load_model", load)
    return models


@pytest.fixture
def real_candidate() -> Candidate:
    """Four small timm networks at 32 px."""
    members = {
        "convnext": Member(model="test_convnext"),
        "efficientnet": Member(model="test_efficientnet"),
        "resnet": Member(model="test_resnet"),
        "vit": Member(model="test_vit", args={"img_size": 32}),
    }
    return Candidate(
        template="moe4",
        template_hash="0",
        image_size=32,
        experts=tuple(Expert(family=f, member=m) for f, m in members.items()),
        recipe=Recipe(epochs=2, batch_size=32, lr=6e-3, augment="none", mixup_alpha=0),
        task=Task(),
    )


@pytest.mark.proof
def test_four_timm_networks_read_digits_after_two_epochs(
    real_candidate: Candidate, tmp_path: Path
) -> None:
    trial = Trial(
        attempt=1,
        candidate=real_candidate,
        code=render(real_candidate),
        folder=str(tmp_path),
        stop_file=str(tmp_path / "stop"),
        data_root=str(tmp_path),
    )
    epochs, outcome = finish(trial)
    assert outcome.status is Status.OK, outcome.message
    assert outcome.val_acc is not None
    assert outcome.val_acc > 0.94
    assert outcome.test_acc is not None
    assert outcome.test_acc > 0.94
    assert epochs[1].train_loss < epochs[0].train_loss


def test_what_the_collector_passes_over_is_settled_after_a_trial(
    monkeypatch: pytest.MonkeyPatch, make_trial: Any
) -> None:
    """Data are loaded, and memory released for them, before the trial has imported anything."""
    done: list[str] = []
    get = module.DATA.get

    def loaded(*args: Any, **kwargs: Any) -> Any:
        module.DATA.clear()
        found = get(*args, **kwargs)
        done.append("data")
        return found

    keep_survivors.cache_clear()
    monkeypatch.setattr(module.DATA, "get", loaded)
    monkeypatch.setattr(gc, "freeze", lambda: done.append("frozen"))
    for _ in range(2):
        assert finish(make_trial(SINGLE))[1].status is Status.OK
    assert done == ["data", "frozen", "data"]
