"""Pretrained networks from a folder of photographs to an exported mixture."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw
from real_nas import inside, nas_inside
from weights_samples import checkpoint

from nas.experts import Entry
from nas.ledger import Ledger

SPACE = """\
template: pretrained
dataset: folder:photos
experts:
  choose: 2
  families:
    convnext: [{model: test_convnext, weights: test_convnext.mine}]
    resnet: [{model: test_resnet, weights: test_resnet.mine}]
    vit: [{model: test_vit, args: {img_size: 32}, weights: test_vit.mine}]
recipe: {procedure: finetune, epochs: 2, batch_size: 16, lr: 0.001, mixup_alpha: 0, augment: light}
"""
INLINE = ("--executor", "inline", "-w", "1")


def draw_photos(folder: Path, each: int = 30) -> None:
    """Class folders of noisy pictures of odd sizes, with a disc, a bar or nothing."""
    rng = np.random.default_rng(0)
    for name in ("disc", "bar", "empty"):
        (folder / name).mkdir(parents=True)
        for number in range(each):
            width, height = rng.integers(36, 90, 2).tolist()
            image = Image.fromarray(rng.integers(0, 120, (height, width, 3), dtype=np.uint8))
            middle, pen = (width // 2, height // 2), ImageDraw.Draw(image)
            if name == "disc":
                pen.ellipse([middle[0] - 12, middle[1] - 12, middle[0] + 12, middle[1] + 12], "red")
            if name == "bar":
                pen.rectangle([2, middle[1] - 5, width - 2, middle[1] + 5], fill="cyan")
            image.save(folder / name / f"{number}.jpg", quality=92)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    draw_photos(folder / "photos")
    for model, args in (("convnext", {}), ("resnet", {}), ("vit", {"img_size": 32})):
        checkpoint(folder / "saved", f"test_{model}", **args)
    (folder / "photos.yaml").write_text(SPACE)
    return folder


@pytest.fixture
def cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.getbasetemp() / "weights_cache"))


pytestmark = pytest.mark.usefixtures("cache")


def test_what_is_missing_is_refused_with_the_command_that_fetches_it(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    refused = inside("search", "photos.yaml", *INLINE, "--db", "none.db", cwd=folder)
    assert refused.returncode == 1
    assert "`nas weights get photos` fetches them" in refused.stderr
    assert not (folder / "none.db").exists()
    lacking = inside("weights", "get", "photos.yaml", "--from", str(tmp_path), cwd=folder)
    assert lacking.returncode == 1
    assert lacking.stderr.count("it has no weights") == 3


def test_a_template_that_does_not_prepare_images_is_refused(folder: Path) -> None:
    (folder / "moe.yaml").write_text(SPACE.replace("template: pretrained", "template: moe4"))
    refused = inside("search", "moe.yaml", *INLINE, "--db", "moe.db", cwd=folder)
    assert refused.returncode == 1
    assert "the template moe4 has no use for the weights" in refused.stderr
    assert "write template: pretrained" in refused.stderr


def test_from_photographs_to_an_exported_mixture(folder: Path, tmp_path: Path) -> None:
    listed = json.loads(
        nas_inside("weights", "get", "photos.yaml", "--from", "saved", "--json", cwd=folder)
    )
    assert [(row["image_size"], row["licence"]) for row in listed] == [(32, "mit")] * 3
    assert sorted(map(str, json.loads(nas_inside("weights", "--json", cwd=folder)))) == sorted(
        map(str, listed)
    )
    rows = json.loads(nas_inside("bank", "photos.yaml", *INLINE, "--json", cwd=folder))
    assert all(row["in_bank"] for row in rows)
    for path in folder.glob("runs.files/bank/[!.]*/entry.json"):
        entry = Entry.model_validate_json(path.read_bytes())
        assert entry.features
        assert entry.candidate.settings == {"start": "probe"}
        assert (entry.inputs.mean, entry.inputs.std) == ((0, 0, 0), (1, 1, 1))
    nas_inside("screen", "photos.yaml", cwd=folder)
    nas_inside("search", "photos.yaml", *INLINE, "--from-screen", "1", cwd=folder)

    ledger = Ledger(folder / "runs.db")
    candidates = ledger.candidates()
    assert set(candidates["outcome"]) == {"ok"}
    assert {"search", "control"} <= set(candidates["role"])
    weights = ledger.campaign(None).space.members[0][1].weights
    assert weights is not None
    assert (len(weights.sha256), weights.licence) == (64, "mit")

    nas_inside("export", "best", "-o", str(tmp_path / "out"), cwd=folder)
    _, _, script = (tmp_path / "out" / "README.md").read_text().partition("```python\n")
    picture = next((folder / "photos" / "disc").iterdir())
    (tmp_path / "out" / "photo.jpg").write_bytes(picture.read_bytes())
    code = "import sys; sys.modules['nas'] = None\n" + script.partition("```")[0]
    (tmp_path / "out" / "use.py").write_text(code)
    done = subprocess.run(
        [sys.executable, "use.py"],
        cwd=tmp_path / "out",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()[2:-2] in {"disc", "bar", "empty"}


def test_a_start_for_each_candidate(folder: Path) -> None:
    nas_inside("weights", "get", "photos.yaml", "--from", "saved", cwd=folder)
    text = SPACE.replace("recipe:", "choices: {start: [finetuned, probe, scratch]}\nrecipe:")
    (folder / "starts.yaml").write_text(text)
    words = ("--trials", "6", "--no-controls", "--db", "starts.db")
    nas_inside("search", "starts.yaml", *INLINE, *words, cwd=folder)
    candidates = Ledger(folder / "starts.db").candidates()
    assert set(candidates["outcome"]) == {"ok"}
    assert set(candidates["gate_start"]) == {"finetuned", "probe", "scratch"}
