"""Exported files: complete, refused for the right reason, never half there."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from export_samples import CODE, model, trained
from ledger_maker import Maker
from PIL import Image
from sqlalchemy import update

from nas.data.files import Decoder
from nas.export.model import export
from nas.ledger import Ledger, NewCandidate
from nas.ledger import models as m
from nas.render import render, template_hash
from nas.schema import Candidate, DatasetInfo, Outcome, ProblemError, Status


def test_what_is_written(maker: Maker, tmp_path: Path) -> None:
    key = trained(maker)
    out = tmp_path / "new" / "best"
    paths = export(Ledger(maker.path), key[:12], out)
    assert [path.name for path in paths] == [
        *("README.md", "config.json", "model.py", "preprocess.py", "weights.safetensors"),
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


def test_weights_that_are_not_what_was_recorded_are_refused(maker: Maker, tmp_path: Path) -> None:
    key = trained(maker)
    [path] = maker.ledger.files.rglob("weights.safetensors")
    with path.open("r+b") as file:
        file.seek(-1, os.SEEK_END)
        last = file.read(1)[0]
        file.seek(-1, os.SEEK_END)
        file.write(bytes([last ^ 1]))
    with pytest.raises(ProblemError, match="are damaged: their checksum is not the one"):
        export(maker.ledger, key, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    export(maker.ledger, key, tmp_path / "code", code_only=True)


@pytest.mark.parametrize("content", [b"", b"garbage" * 100, b"\x08" + 7 * b"\0" + b"{}      "])
def test_weights_without_a_checksum_are_at_least_weights(
    maker: Maker, tmp_path: Path, content: bytes
) -> None:
    key = trained(maker, digest=False)
    [path] = maker.ledger.files.rglob("weights.safetensors")
    path.write_bytes(content)
    with pytest.raises(ProblemError, match="they are no safetensors file"):
        export(maker.ledger, key, tmp_path / "out")
    assert not (tmp_path / "out").exists()


class TestCode:
    """What is handed out is what the template makes, or it is said that nobody could tell."""

    @pytest.fixture
    def key(self, maker: Maker) -> str:
        made = maker.candidate("ant_s", "bee_s").with_(template_hash=template_hash("moe4"))
        leased = maker.store.draw(lambda _: NewCandidate(candidate=made, code=render(made)))
        assert leased is not None
        return leased.candidate.key

    def change(self, maker: Maker, **values: object) -> None:
        with maker.ledger.session() as session:
            session.execute(update(m.Candidate).values(**values))

    def test_the_template_s_own_needs_no_word(self, maker: Maker, tmp_path: Path, key: str) -> None:
        messages: list[str] = []
        export(maker.ledger, key, tmp_path / "out", code_only=True, on_message=messages.append)
        assert messages == []
        assert "has changed" not in (tmp_path / "out" / "README.md").read_text()

    def test_another_is_refused(self, maker: Maker, tmp_path: Path, key: str) -> None:
        self.change(maker, code="import os\n")
        with pytest.raises(ProblemError, match="differs from what its template moe4 renders"):
            export(maker.ledger, key, tmp_path / "out", code_only=True)
        assert not (tmp_path / "out").exists()

    @pytest.mark.parametrize("change", [{"template_hash": "0" * 16}, {"template": "gone"}])
    def test_of_a_template_that_has_changed_it_is_reported(
        self, maker: Maker, tmp_path: Path, key: str, change: dict[str, str]
    ) -> None:
        with maker.ledger.session() as session:
            [row] = session.query(m.Candidate).all()
            other = Candidate.model_validate(row.spec).with_(**change)
            row.spec, row.key = other.model_dump(mode="json"), other.key
        messages: list[str] = []
        export(
            maker.ledger, other.key, tmp_path / "out", code_only=True, on_message=messages.append
        )
        [line] = messages
        assert "could not be compared" in line
        card = (tmp_path / "out" / "README.md").read_text()
        assert " ".join(card.split()).count("could not be compared with what the template makes")
        assert not json.loads((tmp_path / "out" / "config.json").read_text())["code_compared"]


def test_weights_from_before_there_were_checksums_are_exported_with_a_note(
    maker: Maker, tmp_path: Path
) -> None:
    key = trained(maker, digest=False)
    messages: list[str] = []
    export(maker.ledger, key, tmp_path / "out", on_message=messages.append)
    [_, line] = messages
    assert "recorded no checksum" in line
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    content = (tmp_path / "out" / "weights.safetensors").read_bytes()
    assert config["weights_sha256"] == hashlib.sha256(content).hexdigest()


def test_the_card_s_own_code_uses_it_where_nas_is_absent(maker: Maker, tmp_path: Path) -> None:
    out = tmp_path / "best"
    export(maker.ledger, trained(maker), out)
    exif = Image.Exif()
    exif[274] = 6  # it lies on its side
    pixels = torch.randint(0, 256, (30, 50, 3), generator=torch.Generator().manual_seed(0))
    Image.fromarray(pixels.byte().numpy()).save(out / "photo.jpg", exif=exif)
    block = (out / "README.md").read_text().split("```python\n")[1].split("```")[0]
    before = "import sys\nsys.modules['nas'] = None\n"  # an import of nas would fail
    after = "print(logits.tolist())\n"
    done = subprocess.run(
        [sys.executable, "-c", before + block + after],
        cwd=out,
        env={**os.environ, "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    named, messages = done.stdout.splitlines()
    config = json.loads((out / "config.json").read_text())
    mean, std = (torch.tensor(config[name]).view(1, -1, 1, 1) for name in ("mean", "std"))
    image = Decoder(32, 3)(out / "photo.jpg")[None] / 255
    with torch.no_grad():
        expected = model().eval()((image - mean) / std)
    torch.testing.assert_close(torch.tensor(json.loads(messages)), expected, rtol=0, atol=1e-5)
    assert named == str([str(int(expected.argmax()))])


@pytest.mark.parametrize("there", ["cwd", "link"])
def test_a_folder_that_is_there_and_empty_is_filled(
    there: str, maker: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, out = tmp_path / "real", Path()
    real.mkdir()
    if there == "link":
        out = tmp_path / "link"
        out.symlink_to(real)
    else:
        monkeypatch.chdir(real)
    key = trained(maker)
    written = export(maker.ledger, key, out)
    assert {path.name for path in written} == {path.name for path in real.iterdir()}
    assert {"model.py", "weights.safetensors"} <= {path.name for path in written}
    refused(maker, key, out, "not an empty folder")


def test_code_alone(maker: Maker, tmp_path: Path) -> None:
    key = trained(maker, keep=False)
    paths = export(maker.ledger, key, tmp_path / "best", code_only=True)
    assert [path.name for path in paths] == [
        "README.md",
        "config.json",
        "model.py",
        "preprocess.py",
    ]
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
    error = refused(maker, key, tmp_path / "best", "are not there")
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
    assert len(export(maker.ledger, key, out)) == 5  # an empty one will do


def test_a_copied_ledger_needs_no_data(maker: Maker, tmp_path: Path) -> None:
    gone = maker.candidate("ant_s", "bee_s")
    task = gone.task.with_(dataset=f"folder:{tmp_path / 'gone'}")
    drawn = NewCandidate(candidate=gone.with_(task=task), code=CODE)
    leased = maker.store.draw(lambda _: drawn)
    assert leased is not None
    inputs = DatasetInfo(
        class_names=("cat", "dog"),
        mean=(0.5, 0.5, 0.5),
        std=(0.2, 0.2, 0.2),
        train_images=7,
        val_images=2,
        test_images=1,
    )
    maker.finish(leased, Outcome(status=Status.OK, val_acc=0.5, inputs=inputs))
    export(maker.ledger, "#0", tmp_path / "best", code_only=True)
    config = json.loads((tmp_path / "best" / "config.json").read_text())
    assert config["class_names"] == ["cat", "dog"]
    assert (config["num_classes"], config["mean"], config["std"]) == (2, [0.5] * 3, [0.2] * 3)


def test_data_that_is_gone_and_was_never_read(maker: Maker, tmp_path: Path) -> None:
    gone = maker.candidate("ant_s", "bee_s")
    task = gone.task.with_(dataset=f"folder:{tmp_path / 'gone'}")
    drawn = NewCandidate(candidate=gone.with_(task=task), code=CODE)
    assert maker.store.draw(lambda _: drawn)
    with pytest.raises(ProblemError) as caught:
        export(maker.ledger, "#0", tmp_path / "best", code_only=True)
    assert str(tmp_path / "gone") in str(caught.value)
    assert not (tmp_path / "best").exists()
