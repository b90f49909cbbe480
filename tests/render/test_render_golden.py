"""Golden files: rendered text, byte for byte; then each executed where `nas` cannot be imported.

After a change that is meant, `pytest tests/render --regenerate-golden` and read the diff.
"""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from render_samples import GOLDEN

from nas.render import render

FOLDER = Path(__file__).parent.parent / "golden"

STANDALONE = """
import importlib.util, json, sys, torch
sys.modules["nas"] = None  # importing it raises ImportError from here on
torch.set_num_threads(1)
results = {}
for path in sys.argv[1:]:
    torch.manual_seed(0)
    spec = importlib.util.spec_from_file_location("golden", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    model = module.build(num_classes=5)
    images = torch.randn(6, 1 if "grey" in path else 3, 32, 32)
    logits = model.train()(images)
    torch.nn.functional.cross_entropy(logits, torch.arange(6) % 5).backward()
    gradients = {name: p.grad for name, p in model.named_parameters()}
    with torch.inference_mode():
        evaluated = model.eval()(images)
    results[path] = {
        "shapes": [list(logits.shape), list(evaluated.shape)],
        "finite": bool(logits.isfinite().all() and evaluated.isfinite().all()),
        "without gradient": [
            name for name, g in gradients.items() if g is None or not g.isfinite().all()
        ],
        "gate gradient": sum(float(g.abs().sum()) for n, g in gradients.items() if "gate" in n),
    }
print(json.dumps(results))
"""


@pytest.fixture(scope="module")
def standalone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What every golden file does in one fresh, isolated process, by the file's stem."""
    paths = [str(FOLDER / f"{name}.py") for name in GOLDEN]
    done = subprocess.run(
        [sys.executable, "-I", "-c", STANDALONE, *paths],
        cwd=tmp_path_factory.mktemp("elsewhere"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {Path(path).stem: result for path, result in json.loads(done.stdout).items()}


@pytest.mark.parametrize("name", GOLDEN)
def test_bytes(name: str, request: pytest.FixtureRequest) -> None:
    path = FOLDER / f"{name}.py"
    rendered = render(GOLDEN[name]).encode()
    if request.config.getoption("--regenerate-golden"):
        path.write_bytes(rendered)
    assert path.read_bytes() == rendered


def test_no_golden_file_is_left_over() -> None:
    assert {path.stem for path in FOLDER.glob("*.py")} == set(GOLDEN)


@pytest.mark.parametrize("name", GOLDEN)
def test_executes_without_nas(name: str, standalone: dict[str, Any]) -> None:
    result = standalone[name]
    assert result["shapes"] == [[6, 5], [6, 5]]
    assert result["finite"]
    assert result["without gradient"] == []


@pytest.mark.parametrize("name", [n for n in GOLDEN if n.startswith("moe4") and "one" not in n])
def test_the_task_loss_reaches_the_gate(name: str, standalone: dict[str, Any]) -> None:
    assert standalone[name]["gate gradient"] > 0


@pytest.mark.parametrize("command", [["format", "--check"], ["check", "--select=E,F,I,B,UP"]])
def test_reads_as_if_ruff_had_written_it(command: list[str]) -> None:
    ruff = shutil.which("ruff", path=str(Path(sys.executable).parent)) or shutil.which("ruff")
    assert ruff is not None, "ruff is a development dependency"
    done = subprocess.run(
        [ruff, *command, "--isolated", "--no-cache", "--line-length=100", str(FOLDER)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
