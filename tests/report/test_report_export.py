"""Exported files: complete, refused for the right reason, never half there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from ledger_maker import Maker
from safetensors.torch import save_file
from torch import nn

from nas.ledger import Drawn, Ledger
from nas.report.export import export
from nas.spec import Inputs, Outcome, ProblemError, Status

CODE = '''"""A model that needs torch alone."""

from torch import nn


def build(num_classes):
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, num_classes))
'''


def trained(maker: Maker, *, keep: bool = True) -> str:
    """A finished candidate with real weights; its key."""
    drawn = Drawn(candidate=maker.candidate("ant_s", "bee_s"), code=CODE)
    claim = maker.store.draw(lambda _: drawn)
    assert claim is not None
    attempt = maker.start(claim)
    weights = "weights.safetensors" if keep else None
    if weights:
        folder = maker.ledger.files / str(maker.campaign) / claim.candidate.key / str(attempt)
        save_file(model().state_dict(), folder / weights)
    outcome = Outcome(
        status=Status.OK, epochs=2, val_acc=0.9, test_acc=0.875, uniform_test_acc=0.85, params=30730
    )
    outcome = outcome.with_(weights=weights)
    assert maker.store.finish(claim, attempt, outcome, final=True)
    return claim.candidate.key


def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 32, 10))


def test_what_is_written(maker: Maker, tmp_path: Path) -> None:
    key = trained(maker)
    out = tmp_path / "new" / "best"
    paths = export(Ledger(maker.path), key[:12], out)
    assert [path.name for path in paths] == [
        *("README.md", "config.json", "model.py", "weights.safetensors"),
    ]
    assert [path.name for path in out.parent.iterdir()] == ["best"]  # nothing temporary is left
    assert (out / "model.py").read_text() == CODE
    config = json.loads((out / "config.json").read_text())
    assert config["key"] == key
    assert config["num_classes"] == 10
    assert config["class_names"] == [str(digit) for digit in range(10)]
    assert (config["image_size"], config["channels"]) == (32, 3)
    assert len(config["mean"]) == len(config["std"]) == 3
    figures = {"val_acc": 0.9, "test_acc": 0.875, "epochs_trained": 2, "params": 30730}
    assert config["metrics"] == figures
    assert config["candidate"]["recipe"]["epochs"] == 2
    card = (out / "README.md").read_text()
    for part in ("ant + bee", "`bee_s`", "| this mixture | 90.00 | 87.50 |", "30.7 k", "digits"):
        assert part in card


def test_the_card_s_own_code_loads_it_where_nas_is_absent(maker: Maker, tmp_path: Path) -> None:
    out = tmp_path / "best"
    export(maker.ledger, trained(maker), out)
    block = (out / "README.md").read_text().split("```python\n")[1].split("```")[0]
    before = "import sys\nsys.modules['nas'] = None\n"  # an import of nas would fail
    images = "\nimages = torch.full((2, 3, 32, 32), 0.5)\n"
    load, use = block.split("mean = ")
    after = "print(logits.tolist())\n"
    script = before + load + images + "mean = " + use + after
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=out,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    config = json.loads((out / "config.json").read_text())
    mean, std = (torch.tensor(config[name]).view(1, -1, 1, 1) for name in ("mean", "std"))
    with torch.no_grad():
        expected = model().eval()((torch.full((2, 3, 32, 32), 0.5) - mean) / std)
    torch.testing.assert_close(torch.tensor(json.loads(done.stdout)), expected, rtol=0, atol=1e-5)


def test_code_alone(maker: Maker, tmp_path: Path) -> None:
    key = trained(maker, keep=False)
    paths = export(maker.ledger, key, tmp_path / "best", code_only=True)
    assert [path.name for path in paths] == ["README.md", "config.json", "model.py"]
    card = (tmp_path / "best" / "README.md").read_text()
    assert "untrained" in card
    assert "load_state_dict" not in card


def refused(maker: Maker, key: str, out: Path, match: str) -> ProblemError:
    before = sorted(out.parent.iterdir())
    with pytest.raises(ProblemError, match=match) as caught:
        export(maker.ledger, key, out)
    assert sorted(out.parent.iterdir()) == before
    return caught.value


def test_weights_that_were_not_kept(maker: Maker, tmp_path: Path) -> None:
    error = refused(maker, trained(maker, keep=False), tmp_path / "best", "were not kept")
    assert "--code-only" in error.problem.fix


def test_weights_that_are_gone(maker: Maker, tmp_path: Path) -> None:
    key = trained(maker)
    [path] = maker.ledger.files.rglob("weights.safetensors")
    path.unlink()
    error = refused(maker, key, tmp_path / "best", "are gone")
    assert error.problem.where == str(path)
    assert "nas confirm" in error.problem.fix


def test_a_candidate_that_failed_or_is_open(maker: Maker, tmp_path: Path) -> None:
    failed = maker.failed("ant_s", "bee_s")
    refused(maker, failed.candidate.key, tmp_path / "best", "not been trained to its end: oom")
    maker.draw("ant_s", "cat_s")
    refused(maker, "#1", tmp_path / "best", "still open")


def test_a_folder_that_holds_something(maker: Maker, tmp_path: Path) -> None:
    key = trained(maker)
    out = tmp_path / "best"
    out.mkdir()
    (out / "thesis.txt").write_text("dear")
    refused(maker, key, out, "not an empty folder")
    assert (out / "thesis.txt").read_text() == "dear"
    (out / "thesis.txt").unlink()
    assert len(export(maker.ledger, key, out)) == 4  # an empty one will do


def test_a_copied_ledger_needs_no_data(maker: Maker, tmp_path: Path) -> None:
    gone = maker.candidate("ant_s", "bee_s")
    task = gone.task.with_(dataset=f"folder:{tmp_path / 'gone'}")
    drawn = Drawn(candidate=gone.with_(task=task), code=CODE)
    claim = maker.store.draw(lambda _: drawn)
    assert claim is not None
    inputs = Inputs(
        class_names=("cat", "dog"),
        mean=(0.5, 0.5, 0.5),
        std=(0.2, 0.2, 0.2),
        train_images=7,
        val_images=2,
        test_images=1,
    )
    maker.finish(claim, Outcome(status=Status.OK, val_acc=0.5, inputs=inputs))
    export(maker.ledger, "#0", tmp_path / "best", code_only=True)
    config = json.loads((tmp_path / "best" / "config.json").read_text())
    assert config["class_names"] == ["cat", "dog"]
    assert (config["num_classes"], config["mean"], config["std"]) == (2, [0.5] * 3, [0.2] * 3)


def test_data_that_is_gone_and_was_never_read(maker: Maker, tmp_path: Path) -> None:
    gone = maker.candidate("ant_s", "bee_s")
    task = gone.task.with_(dataset=f"folder:{tmp_path / 'gone'}")
    drawn = Drawn(candidate=gone.with_(task=task), code=CODE)
    assert maker.store.draw(lambda _: drawn)
    with pytest.raises(ProblemError) as caught:
        export(maker.ledger, "#0", tmp_path / "best", code_only=True)
    assert str(tmp_path / "gone") in str(caught.value)
    assert not (tmp_path / "best").exists()
