"""One attempt from its trial to its outcome."""

import gc
import hashlib
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
from nas.schema import Candidate, Member, Recipe, Status, Task, Trial
from nas.schema.candidate import Expert
from nas.train import load_model, loop, score
from nas.worker import evaluate as module
from nas.worker.evaluate import WEIGHTS


class TestWell:
    @pytest.mark.parametrize("code", [MIXTURE, SINGLE], ids=["mixture", "plain"])
    def test_the_last_validation_is_scored_once(
        self, make_trial: Any, monkeypatch: pytest.MonkeyPatch, code: str
    ) -> None:
        scored: list[int] = []

        def watched(model: nn.Module, split: Any, *args: Any, **kwargs: Any) -> Any:
            scored.append(len(split))
            return score(model, split, *args, **kwargs)

        monkeypatch.setattr(loop, "score", watched)
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
