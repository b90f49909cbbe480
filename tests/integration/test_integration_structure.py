"""A network whose shapes training changes: recorded, and built again for its weights."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image
from real_nas import nas_inside

from nas.ledger import Ledger

TEMPLATE = '''\
"""A network that widens when it is first trained."""

from torch import nn


class Widening(nn.Module):
    def __init__(self, num_classes, width):
        super().__init__()
        size = {{ (channels * image_size ** 2) | literal }}
        self.first = nn.Sequential(nn.Flatten(), nn.Linear(size, width))
        self.last = nn.Linear(width, num_classes)

    def structure(self):
        return {"width": self.last.in_features}

    def train(self, mode=True):
        if mode and self.last.in_features == 3:
            self.__init__(self.last.out_features, 5)
        return super().train(mode)

    def forward(self, x):
        return self.last(self.first(x))


def build(num_classes, structure=None):
    return Widening(num_classes, **(structure or {"width": 3})).eval()
'''
SPACE = """\
template: widening
image_size: 8
arms: {wide: {}}
recipe: {epochs: 1, batch_size: 64, mixup_alpha: 0, augment: none}
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("widening")
    (folder / "templates").mkdir()
    (folder / "templates" / "widening.py.j2").write_text(TEMPLATE)
    (folder / "wide.yaml").write_text(SPACE)
    words = ("search", "wide.yaml", "-n", "1", "--executor", "inline", "--keep-weights", "all")
    nas_inside(*words, "--set", "replicates=1", cwd=folder)
    return folder


def test_diagnose_builds_it_as_it_was_trained(folder: Path) -> None:
    nas_inside("trust", "templates", cwd=folder)
    nas_inside("diagnose", "0", "--only", "latency", cwd=folder)
    assert "batch_1.median_ms" in Ledger(folder / "runs.db").diagnostics()["metric"].tolist()


def test_an_export_runs_without_nas(folder: Path, tmp_path: Path) -> None:
    nas_inside("export", "0", "-o", str(tmp_path / "out"), cwd=folder)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["structure"] == {"width": 5}
    _, _, script = (tmp_path / "out" / "README.md").read_text().partition("```python\n")
    Image.new("RGB", (9, 9), (200, 10, 10)).save(tmp_path / "out" / "photo.jpg")
    script = "import sys; sys.modules['nas'] = None\n" + script.partition("```")[0]
    (tmp_path / "out" / "use.py").write_text(script)
    done = subprocess.run(
        [sys.executable, "use.py"], cwd=tmp_path / "out", capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()[2:-2] in config["class_names"]
