"""The space growth in full: runaway growth and its cure; a killed one, and one that is exported."""

import hashlib
import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
import pytest
import torch
from PIL import Image
from real_nas import nas, nas_inside, results, started
from scripted_driver import workers

from nas.data import load
from nas.data.batches import Data
from nas.ledger import Ledger
from nas.results import table
from nas.schema import ProblemError, Task

pytestmark = [pytest.mark.proof, pytest.mark.timeout(600)]

LOCAL = ("--executor", "local", "-w", "1", "--keep-weights", "all")


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("growth")
    nas("search", "growth", "--budget", "3m", *LOCAL, cwd=folder)
    return folder


def test_runaway_growth_and_its_cure(grown: Path) -> None:
    assert set(results(grown).values()) == {"ok"}
    ledger = Ledger(grown / "runs.db")
    rows = table("growth", ledger).set_index("arm")
    assert (rows["runs"] == 4).all()
    events = table("growth_events", ledger)
    times = events.groupby(["variant", "role", "number"]).size()
    assert times["runaway"].min() >= 10
    assert (events.groupby("variant")["experts"].max() <= 18).all()

    shares = shares_of_runs(ledger)
    idle = (shares < 0.02).groupby(level=["arm", "candidate"]).sum()
    assert (idle["runaway"] > 0).all()
    assert rows.loc["runaway", "last_entropy"] < 0.7
    assert rows.loc["runaway", "idle"] == pytest.approx(idle["runaway"].mean())

    cured = rows.loc["cured"]
    assert cured["grew_once"] >= 3
    assert cured["last_entropy"] >= 0.9
    assert shares["cured"].groupby("candidate").min().min() >= 0.10
    assert cured["gain"] > 0
    assert rows.loc["runaway", "gain"] < cured["gain"]


def shares_of_runs(ledger: Ledger) -> "pd.Series[float]":
    """What share of the work each expert has at the end: by `arm`, `candidate` and `expert`."""
    found = ledger.metrics(names=("expert_shares",), last_epoch=True)
    found = found[found["split"] == "val"].rename(columns={"families": "arm"})
    shares: pd.Series[float] = found.set_index(["arm", "candidate", "expert"])["value"]
    return shares


EXPORTED = """
import json, sys
sys.modules["nas"] = None  # an import of nas would fail
import torch
from safetensors.torch import load_file
import model as exported
config = json.load(open("config.json"))
net = exported.build(config["num_classes"], config["structure"])
net.load_state_dict(load_file("weights.safetensors"))
images, labels = torch.load("images.pt")
with torch.no_grad():
    print(float((net.eval()(images).argmax(dim=1) == labels).double().mean()))
"""


def test_an_export_of_what_has_grown_classifies_without_nas(grown: Path, tmp_path: Path) -> None:
    """As well as it did where it was trained, with all the experts that it got there."""
    ledger = Ledger(grown / "runs.db")
    first = ledger.candidates().query("role == 'search' and number == 0").iloc[0]
    assert first["members"] == "runaway"
    out = tmp_path / "out"
    nas_inside("export", "0", "-o", str(out), cwd=grown)
    config = json.loads((out / "config.json").read_text())
    assert config["structure"]["experts"] >= 12
    data = clusters()
    batches = list(data.val.batches(1000))
    torch.save([torch.cat(each) for each in zip(*batches, strict=True)], out / "images.pt")
    (out / "accuracy.py").write_text(EXPORTED)
    assert float(executed("accuracy.py", out)) == pytest.approx(first["val_acc"], abs=1e-6)

    _, _, script = (out / "README.md").read_text().partition("```python\n")
    Image.new("RGB", (9, 9), (200, 10, 10)).save(out / "photo.jpg")
    script = "import sys; sys.modules['nas'] = None\n" + script.partition("```")[0]
    (out / "use.py").write_text(script)
    assert executed("use.py", out).strip()[2:-2] in config["class_names"]


def clusters() -> Data:
    return load(
        Task(dataset="clusters"),
        image_size=8,
        channels=1,
        root=Path("unused"),
        device=torch.device("cpu"),
    )


def executed(script: str, folder: Path) -> str:
    done = subprocess.run(
        [sys.executable, script], cwd=folder, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


EPOCHS = 300
SPACE = f"""\
template: growth
image_size: 8
channels: 1
dataset: clusters
arms: {{grown: {{hidden: 5, bias_rate: 0.01}}}}
replicates: 1
recipe:
  procedure: growth
  settings: {{target: 1.0, cooldown: 19, window: 1, min_gain: 1.0, split: copy, noise: 0.5}}
  losses: {{kl: 0.01}}
  epochs: {EPOCHS}
  batch_size: 100
  lr: 0.003
  mixup_alpha: 0
  augment: none
"""
"""Grows after epochs 2, 22, 42, …, 282: 17 experts at the end."""


def test_a_growing_one_that_is_killed_ends_like_one_that_never_was(tmp_path: Path) -> None:
    """Stopped after a growth, with a checkpoint; resumed; its worker killed after another one that
    the checkpoint does not have, so that it happens again; and resumed."""
    (tmp_path / "grow.yaml").write_text(SPACE)
    words = ("search", "grow.yaml", "-n", "1", "--retries", "9", *LOCAL)
    nas(*words, "--db", "calm.db", cwd=tmp_path)

    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with started(*words, cwd=tmp_path, **silent) as driver:
        wait_for(lambda: growths(tmp_path) >= 2, driver)
        driver.send_signal(signal.SIGINT)
        driver.wait(timeout=120)
    before = growths(tmp_path)
    assert 2 <= before < 14, "it was not stopped in time"
    with started("resume", cwd=tmp_path, **silent) as driver:
        wait_for(lambda: growths(tmp_path) >= before + 2, driver)
        for worker in workers(driver.pid):
            psutil.Process(worker).send_signal(signal.SIGKILL)
        driver.kill()
        driver.wait()
    nas("resume", cwd=tmp_path)

    attempts = Ledger(tmp_path / "runs.db").attempts()
    assert attempts["outcome"].tolist()[0] == "interrupted"
    assert "killed" in attempts["outcome"].tolist() or "crash" in attempts["outcome"].tolist()
    assert attempts["resumed_from"].notna().sum() >= 2
    assert results(tmp_path) == results(tmp_path, "calm.db")
    assert trained(tmp_path, "runs.db") == trained(tmp_path, "calm.db")
    recorded = Ledger(tmp_path / "runs.db").training_events()
    assert recorded.duplicated(["epoch", "kind"]).any(), "no growth happened again"
    events = [table("growth_events", Ledger(tmp_path / db)) for db in ("runs.db", "calm.db")]
    pd.testing.assert_frame_equal(*events)
    assert events[0]["epoch"].tolist() == list(range(2, EPOCHS, 20))
    growth = [table("growth", Ledger(tmp_path / db)) for db in ("runs.db", "calm.db")]
    pd.testing.assert_frame_equal(*growth)
    assert growth[0].loc[0, "experts"] == 17


def trained(folder: Path, db: str) -> list[Any]:
    """Of the one candidate: its accuracies and loss, and the hash of its weights."""
    ledger = Ledger(folder / db)
    [row] = ledger.attempts().query("final").itertuples()
    assert row.outcome == "ok"
    weights = ledger.files / row.folder / "weights.safetensors"
    digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    return [row.val_acc, row.test_acc, row.val_loss, digest]


def growths(folder: Path) -> int:
    """After how many epochs a growth is recorded."""
    try:
        return int(Ledger(folder / "runs.db").training_events()["epoch"].nunique())
    except ProblemError:
        return 0  # there is no campaign yet


def wait_for(done: Callable[[], bool], driver: "subprocess.Popen[Any]") -> None:
    end = time.monotonic() + 240
    while not done():
        assert driver.poll() is None, "the campaign ended before its kill"
        assert time.monotonic() < end, "nothing in four minutes"
        time.sleep(0.05)
