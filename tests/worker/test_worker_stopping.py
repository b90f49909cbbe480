"""An attempt that is stopped, resumed, or killed and taken up by another."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from train_samples import SINGLE, figures, finish
from worker_samples import fails, watch_models

from nas.schema import Epoch, Status
from nas.train.checkpoint import load_checkpoint
from nas.worker.evaluate import CHECKPOINT, evaluate


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

    @pytest.mark.parametrize("full", [False, True])
    def test_it_says_whether_it_left_a_checkpoint(
        self, make_trial: Any, tmp_path: Path, full: bool
    ) -> None:
        (tmp_path / "file").touch()
        folder = tmp_path / ("file" if full else "folder") / "attempt"
        trial = make_trial(recipe={"epochs": 4}, folder=str(folder))
        Path(trial.stop_file).parent.mkdir(parents=True, exist_ok=True)
        events = []
        for event in evaluate(trial):
            events.append(event)
            Path(trial.stop_file).touch()
        outcome = events[-1]
        assert (outcome.status, outcome.stage) == (Status.INTERRUPTED, "save" if full else "")
        assert (folder / CHECKPOINT).exists() is not full

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
