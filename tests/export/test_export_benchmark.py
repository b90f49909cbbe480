"""A published bank is read by whoever has NumPy and safetensors, and nothing of ours."""

import csv
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from bank_maker import fill, labels, put
from ledger_maker import SPACE

from nas.experts import Bank, BankError
from nas.export.benchmark import publish
from nas.schema import BankConfig, ProblemError

CONFIG = BankConfig(dataset="digits")


def published(folder: Path, scores: pd.DataFrame | None = None) -> Path:
    bank, entries = fill(folder / "bank")
    where = folder / "out"
    publish(bank, entries, scores, where, space=SPACE, config=CONFIG, licence="CC0")
    return where


def test_the_loader_gives_what_the_bank_has(tmp_path: Path) -> None:
    where = published(tmp_path)
    code = (
        "import sys; sys.modules['nas'] = sys.modules['torch'] = None; sys.path.insert(0, 'out')\n"
        "from load import load, quartets\n"
        "names, labels, logits = load('val')\n"
        "print(names, labels.tolist(), logits.shape, float(logits.sum()), quartets())"
    )
    messages = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    ).stdout
    bank, entries = fill(tmp_path / "again")
    total = sum(float(bank.logits(entry)["val"][0].sum()) for entry in entries)
    names = [f"{family}_s" for family in "abcde"]
    assert messages.startswith(f"{names} {labels()['val'].tolist()} (5, 40, 3) ")
    assert float(messages.split(") ")[1].split()[0]) == pytest.approx(total, rel=1e-4)
    assert messages.endswith("[]\n")
    assert not (where / "quartets.csv").exists()


def test_a_part_of_the_mixtures_is_called_one(tmp_path: Path) -> None:
    bank, entries = fill(tmp_path / "bank")
    scores = pd.DataFrame({"families": ["a+b"], "uniform": [0.5]})
    for of, messages in ((1, "scores of 1 mixtures"), (9, "scores of 1 of the 9 mixtures")):
        where = tmp_path / str(of)
        publish(bank, entries, scores, where, space=SPACE, config=CONFIG, licence="CC0", of=of)
        assert messages in " ".join((where / "README.md").read_text().split())
    assert json.loads((where / "benchmark.json").read_text())["tuned"] is False


def test_checksums_versions_and_licence_are_with_it(tmp_path: Path) -> None:
    scores = pd.DataFrame({"families": ["a+b"], "uniform": [0.5], "gate": [np.nan]})
    where = published(tmp_path, scores)
    about = json.loads((where / "benchmark.json").read_text())
    assert (about["version"], about["licence"]) == (1, "CC0")
    assert about["files"].keys() == {p.name for p in where.iterdir()} - {"benchmark.json"}
    for name, file in about["files"].items():
        content = (where / name).read_bytes()
        assert file == {
            "bytes": len(content),
            "sha256": hashlib.sha256(content).hexdigest(),
        }
    members = json.loads((where / "members.json").read_text())
    assert [m["family"] for m in members] == list("abcde")
    assert members[0]["recipe"]["epochs"] == 2
    with (where / "quartets.csv").open() as file:
        assert next(csv.DictReader(file)) == {"families": "a+b", "uniform": "0.5", "gate": ""}
    card = (where / "README.md").read_text()
    assert "Licence of these files: CC0" in card
    assert "60 held out" in card


def test_what_is_there_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()
    with pytest.raises(ProblemError, match="not an empty folder"):
        published(tmp_path)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["mine"]


def test_nothing_is_left_of_a_failure(tmp_path: Path) -> None:
    bank, entries = fill(tmp_path / "bank", "ab")
    entries.append(put(bank, "c", truth=labels(seed=9)))
    with pytest.raises(BankError, match="different images"):
        publish(bank, entries, None, tmp_path / "o", space=SPACE, config=CONFIG, licence="x")
    with pytest.raises(BankError, match="no expert"):
        publish(Bank(tmp_path), [], None, tmp_path / "o", space=SPACE, config=CONFIG, licence="x")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bank"]
