"""`nas bank` and `nas screen`, as a person types them: killed, damaged, and gone on with."""

import json
import subprocess
import time
from pathlib import Path

import pytest
from real_nas import inside, nas_inside, started, write_space

from nas.experts import Bank, Entry
from nas.ledger import Ledger
from nas.schema import WEIGHTS

REQUEST = ("--workers", "1", "--epochs", "1", "--executor")
LOCAL, INLINE = (*REQUEST, "local"), (*REQUEST, "inline")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bank whose first filling was killed half-way, then gone on with."""
    folder = tmp_path_factory.mktemp("bank")
    space = write_space(folder)
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with started("bank", space, *LOCAL, cwd=folder, **silent) as driver:
        while len(entries(folder)) < 2 and driver.poll() is None:
            time.sleep(0.05)
        driver.kill()
    there = entries(folder)
    assert 2 <= len(there) < 5, "the kill came too late"
    candidates = Ledger(folder / "runs.db").candidates()
    recorded = set(candidates.loc[candidates["outcome"] == "ok", "key"])
    assert recorded
    weights = [p.with_name(WEIGHTS) for p in there if p.parent.name in recorded]
    before = {p: p.stat().st_mtime_ns for p in weights}
    nas_inside("bank", space, *LOCAL, cwd=folder)
    after = entries(folder)
    assert len(after) == 5
    assert all(Entry.model_validate_json(path.read_bytes()).latency for path in after)
    assert all(path.stat().st_mtime_ns == when for path, when in before.items())
    return folder


def entries(folder: Path) -> list[Path]:
    return sorted(folder.glob("runs.files/bank/[!.]*/entry.json"))


def bank(folder: Path, *arguments: str) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = json.loads(
        nas_inside("bank", "five.yaml", *INLINE, *arguments, "--json", cwd=folder)
    )
    return rows


@pytest.mark.proof
def test_every_expert_has_a_sound_entry_and_a_row(folder: Path) -> None:
    rows = bank(folder, "--check")
    assert all(row["in_bank"] for row in rows)
    ledger = Ledger(folder / "runs.db")
    assert ledger.check() == []
    candidates = ledger.candidates()
    assert candidates["outcome"].tolist() == ["ok"] * 5
    assert {row["key"] for row in rows} == set(candidates["key"])
    store = Bank(folder / "runs.files" / "bank")
    for row in rows:
        entry = store.entry(str(row["key"]))
        logits, labels = store.logits(entry)["val"]
        assert float((logits.argmax(1) == labels).double().mean()) == pytest.approx(
            float(str(row["val_acc"]))
        )
        assert entry.held_images == 216  # a fifth of each class of 1,079
        assert entry.inputs.train_images == 1079 - 216


@pytest.mark.proof
def test_nothing_to_do_trains_nothing(folder: Path) -> None:
    before = len(Ledger(folder / "runs.db").attempts())
    bank(folder)
    assert len(Ledger(folder / "runs.db").attempts()) == before


@pytest.mark.proof
def test_other_settings_are_another_bank(folder: Path) -> None:
    reported = inside("screen", "five.yaml", "--epochs", "2", cwd=folder)
    assert (reported.returncode, reported.stdout) == (1, "")
    assert reported.stderr.startswith("nas: ")
    assert "the bank has no expert of five trained like this on digits" in reported.stderr
    assert "nas bank five --dataset digits" in reported.stderr
    reported = inside("screen", "five.yaml", "--epochs", "1", "--split-seed", "1", cwd=folder)
    assert reported.returncode == 1


@pytest.mark.proof
def test_what_is_damaged_is_trained_again_and_nothing_else(folder: Path) -> None:
    hurt, *others = entries(folder)
    before = {path: path.stat().st_mtime_ns for path in others}
    path = hurt.with_name("logits.safetensors")
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    reported = inside("screen", "five.yaml", "--epochs", "1", cwd=folder)
    assert reported.returncode == 1
    assert "its checksum is wrong" in reported.stderr
    reported = inside("bank", "five.yaml", *INLINE, "--check", cwd=folder)
    assert reported.returncode == 0, reported.stderr
    assert "its checksum is wrong" in reported.stderr
    assert "1 expert was lost or damaged and is trained again" in reported.stderr
    assert {p: p.stat().st_mtime_ns for p in others} == before
    bank(folder, "--check")
    attempts = Ledger(folder / "runs.db").attempts().groupby("key").size()
    assert attempts[hurt.parent.name] >= 2


@pytest.mark.proof
def test_a_screen_and_its_reports(folder: Path) -> None:
    made = json.loads(nas_inside("screen", "five.yaml", "--epochs", "1", "--json", cwd=folder))
    assert (made["scored"], made["total"], made["missing"]) == (10, 10, [])
    rows = json.loads(nas_inside("report", "screen", "--format", "json", cwd=folder))
    assert len(rows) == 10
    assert {"families", "uniform", "gate", "oracle"} <= rows[0].keys()
    for row in rows:
        assert row["oracle"] >= row["best_member"]
        assert 0 <= row["gate"] <= 1
    shown = nas_inside("screen", "five.yaml", "--epochs", "1", cwd=folder)
    assert "10 of 10 mixtures" in shown
    assert not shown[0].isspace()
    assert "Which families do the best-scoring mixtures hold" in shown
    some = json.loads(
        nas_inside("screen", "five.yaml", "--epochs", "1", "--limit", "4", "--json", cwd=folder)
    )
    assert (some["scored"], some["total"]) == (4, 10)
    shown = nas_inside("report", "screen", cwd=folder)
    assert "4 of 10 mixtures, drawn uniformly" in " ".join(shown.split())
    name = Ledger(folder / "runs.db").campaign_names()[0]
    for words in (("report", "coverage"), ("report", "screen_pairs"), ("status",)):
        shown = nas_inside(*words, "-c", name, cwd=folder)
        assert "draw is" not in shown
    assert nas_inside("report", "coverage", "-c", name, cwd=folder).startswith(
        "A bank trains every member: nothing is drawn.\n"
    )
    requests = ("five.yaml", "--dry-run", "--name", name, "--audit", "--json")
    assert json.loads(nas_inside("search", *requests, cwd=folder))["audit"] == {
        "verdict": "none",
        "flagged_at": None,
        "why": "A bank trains every member: nothing is drawn.",
    }
    ident = str(some["ident"] - 1)
    rows = json.loads(
        nas_inside("report", "screen", "--screen", ident, "--format", "json", cwd=folder)
    )
    assert len(rows) == 10


@pytest.mark.proof
def test_a_bank_is_published_with_its_scores(folder: Path) -> None:
    nas_inside("screen", "five.yaml", "--epochs", "1", cwd=folder)
    nas_inside("screen", "five.yaml", "--epochs", "1", "--limit", "4", cwd=folder)
    reported = inside("bank", "five.yaml", *INLINE, "--publish", "out", cwd=folder)  # all of it
    assert reported.returncode == 0, reported.stderr
    assert "quartets.csv" in reported.stderr
    assert len((folder / "out" / "quartets.csv").read_text().splitlines()) == 11
    again = inside("bank", "five.yaml", *INLINE, "--publish", "out", cwd=folder)
    assert again.returncode == 2
    assert "not an empty folder" in again.stderr
    small = nas_inside("screen", "five.yaml", "--epochs", "1", "--max-params", "300k", cwd=folder)
    assert "left out as too large or too slow" in small
    none = inside("screen", "five.yaml", "--epochs", "1", "--max-params", "1k", cwd=folder)
    assert none.returncode == 1
    assert "none of 10 mixtures is within these limits" in none.stderr


@pytest.mark.proof
def test_a_bank_that_is_full_stops_with_one_line_and_goes_on(tmp_path: Path) -> None:
    space = write_space(tmp_path)
    reported = inside("bank", space, *INLINE, "--max-size", "3M", cwd=tmp_path)
    assert reported.returncode == 1
    assert "more than its limit of 3.0 MB" in reported.stderr
    kept = len(entries(tmp_path))
    assert 0 < kept < 5
    assert set(Ledger(tmp_path / "runs.db").candidates()["outcome"].dropna()) == {"ok"}
    reported = inside("bank", space, *INLINE, "--max-size", "1x", cwd=tmp_path)
    assert reported.returncode == 2
    nas_inside("bank", space, *INLINE, cwd=tmp_path)
    assert len(entries(tmp_path)) == 5


@pytest.mark.proof
def test_a_search_from_the_bank_and_its_screen(folder: Path) -> None:
    nas_inside("screen", "five.yaml", "--epochs", "1", cwd=folder)
    requests = ("five.yaml", "--experts", "bank", "--from-screen", "2", "--executor", "inline")
    drawn = nas_inside("search", *requests, "--dry-run", "--json", cwd=folder)
    predicted = [one["key"] for one in json.loads(drawn)["candidates"]]
    nas_inside("search", *requests, "-w", "1", "--epochs", "1", "--name", "warm", cwd=folder)
    ledger = Ledger(folder / "runs.db")
    found = ledger.candidates("warm")
    assert found["outcome"].tolist() == ["ok"] * 4
    assert set(found["gate_start"]) == {"frozen", "finetuned"}
    assert len(predicted) == 4
    best = json.loads(nas_inside("report", "screen", "-c", "warm", "--format", "json", cwd=folder))
    ranked = [row["members"] for row in best[:2]]
    assert found["members"].tolist()[0::2] == ranked
    assert not set(ranked) & set(found["members"].tolist()[1::2])
    reported = nas_inside("report", "screening", "-c", "warm", cwd=folder)
    assert "2 chosen by probe and 2 controls" in reported
    assert "adaptive" in reported
    # A seed of its own makes another bank; what has none is refused in one line.
    refused = inside("search", "five.yaml", "--experts", "bank", "--split-seed", "1", cwd=folder)
    assert refused.returncode == 1
    assert "this ledger has no bank of digits at 32 pixels, split 1" in refused.stderr
    refused = inside("search", "five.yaml", "--experts", "warm", cwd=folder)
    assert "this campaign is not a bank" in refused.stderr
    refused = inside("search", "five.yaml", "--from-screen", "2", "--by", "luck", cwd=folder)
    assert "screens have no score 'luck'" in refused.stderr
    refused = inside("search", "five.yaml", "--from-screen", "11", "--dry-run", cwd=folder)
    assert "only 10 mixtures have the score probe" in refused.stderr
    for mistaken in (("--by", "gate"), ("--from-screen", "2", "--sampler", "tpe")):
        assert inside("search", "five.yaml", *mistaken, "--dry-run", cwd=folder).returncode == 2
    shown = nas_inside("screen", "five.yaml", "--epochs", "1", "--limit", "4", cwd=folder)
    assert "4 of 10 mixtures, drawn uniformly" in " ".join(shown.split())  # not the campaign's
    refused = inside("screen", "five.yaml", "--dataset", "digit", cwd=folder)
    assert "no data set is called 'digit'" in refused.stderr
    refused = inside("search", "five.yaml", "--sampler", "screen", "--trials", "1", cwd=folder)
    assert "give --from-screen K instead" in refused.stderr


@pytest.mark.proof
def test_tuned_experts_are_screened_and_begun_from_as_they_were(folder: Path) -> None:
    begun = {path.parent.name for path in entries(folder)}
    tuned = bank(folder, "--tuned")
    assert all(row["in_bank"] for row in tuned)
    assert len(entries(folder)) == 10
    assert not begun & {row["key"] for row in tuned}
    names = Ledger(folder / "runs.db").campaign_names()
    assert bank(folder, "--tuned") == tuned  # nothing left to do
    assert Ledger(folder / "runs.db").campaign_names() == names
    shown = nas_inside("screen", "five.yaml", "--epochs", "1", "--tuned", cwd=folder)
    assert "5 tuned experts of five on digits" in " ".join(shown.split())
    requests = ("five.yaml", "--experts", "bank", "--from-screen", "1", "--executor", "local")
    drawn = nas_inside("search", *requests, "--epochs", "1", "--dry-run", "--json", cwd=folder)
    chosen = json.loads(drawn)["candidates"][0]
    # The latest screen, though the latest search was drawn from another.
    best = json.loads(nas_inside("report", "screen", "--format", "json", cwd=folder))[0]
    assert "+".join(chosen["members"]) == best["members"]


@pytest.mark.proof
def test_experts_that_early_stopping_ends_are_left_out(tmp_path: Path) -> None:
    space = write_space(tmp_path)
    settings = ("--epochs", "2", "--executor", "inline", "--scheduler", "asha")
    requests = ("bank", space, *settings, "--json")
    rows = json.loads(nas_inside(*requests, cwd=tmp_path))
    outcomes = Ledger(tmp_path / "runs.db").candidates().set_index("key")["outcome"]
    assert set(outcomes) == {"ok", "pruned"}  # a member that is the best so far goes on
    assert {row["key"]: row["in_bank"] for row in rows} == (outcomes == "ok").to_dict()
    assert len(entries(tmp_path)) == (outcomes == "ok").sum()
    assert json.loads(nas_inside(*requests, cwd=tmp_path)) == rows  # what was stopped stays so
    assert len(Ledger(tmp_path / "runs.db").attempts()) == 5
