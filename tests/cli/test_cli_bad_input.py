"""Bad input gives one clear line and the right exit code; never a traceback, never a loss."""

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from real_nas import inside as nas
from test_cli_help import make_ledger

from nas.schema import Member, MemberProfile

SPACE = """\
experts:
  choose: 4
  families:
    resnet: [test_resnet]
    vit: [test_vit]
    efficientnet: [test_efficientnet]
"""
BRIEF = ("tiny", "--dataset", "digits", "--trials", "1", "--executor", "inline")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ledger") / "ledger.db"
    make_ledger(path)
    return path


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["search", "tyni"], 2, ["tyni", "did you mean tiny"]),
        (["search", "few.yaml"], 1, ["few.yaml:2", "4 experts", "3 given"]),
        (["search", "--trials", "2000000000"], 2, ["--trials", "1,000,000,000"]),
        (["search", "--from-screen", "2", "--by", "gaet"], 2, ["--by", "did you mean gate"]),
        (["search", "--log", "tensorbord"], 2, ["no tracker", "did you mean tensorboard"]),
        (["bank", "--scheduler", "ash"], 2, ["--scheduler", "'ash'", "asha"]),
        (["search", "--sampler", "stratifed"], 2, ["stratifed", "did you mean stratified"]),
        (["search", "--executor", "rai"], 2, ["rai", "ray"]),
        (["search", "--dataset", "cifar11"], 2, ["cifar11", "did you mean cifar10"]),
        (["search", "--dataset", "cifar10"], 1, ["nas data get cifar10"]),
        (["search", "--dataset", "folder:empty"], 1, ["empty"]),
        (["search", "--budget", "28 days"], 2, ["28 days", "28d"]),
        (["search", "--budget", "-3h"], 2, ["-3h", "12h"]),
        (["search", "--trials", "0"], 2, ["--trials", "0 is less than 1"]),
        (["search", "--trials", "2.5"], 2, ["--trials", "it is not a whole number"]),
        (["search", "--lr", "fast"], 2, ["--lr", "it is not a number"]),
        (["search", "--keep-weights", "some"], 2, ["--keep-weights", "best:N"]),
        (["search", "--scheduler", "sometimes"], 2, ["--scheduler"]),
        (["search", "--render", "out"], 2, ["--dry-run"]),
        (["search", "--frobnicate"], 2, ["--frobnicate"]),
        (["search", "--gpus", "1", "--db", "new.db"], 2, ["GPU"]),
        (["search", "--db", "text.db"], 1, ["text.db", "not a database"]),
        (["search", "--db", "other.db"], 1, ["other.db", "not a ledger"]),
        (["search", *BRIEF, "--db", "no/such/folder.db"], 2, ["no/such: there is no such folder"]),
        *(  # before any image is looked at
            ([*command, "folder:empty", "--db", "no/x.db"], 2, ["no: there is no such folder"])
            for command in (("search", "--dataset"), ("bank", "--dataset"))
        ),
        (["search", "unknown.yaml"], 1, ["unknown.yaml:4", "test_resnett", "did you mean"]),
        (["search", "--dry-run", "--name", "nonesuch", "--db", "ledger.db"], 2, ["nonesuch"]),
        (["spaces", "--new", "a/../b"], 2, ["a/../b", "letters"]),
        (
            ["report", "failures", "--db", "ledger.db", "-f", "md", "-o", "no/x"],
            2,
            ["no such fold"],
        ),
        *(  # before anything is read or computed
            ([*words, "-o", "x.xlsx"], 2, ["--output", ".xlsx", ".csv", "--format"])
            for words in (["report", "failures"], ["compare", "a", "b"], ["replay", "airnet"])
        ),
        (["status"], 2, ["no ledger", "nas search"]),
        (["status", "--db", "no.db"], 2, ["no.db: there is no ledger here"]),
        (["status", "--db", "text.db"], 1, ["not a database"]),
        (["resume", "--db", "ledger.db", "nonesuch"], 2, ["nonesuch"]),
        (["report", "family_yeild", "--db", "ledger.db"], 2, ["did you mean family_yield"]),
        (["show", "abc", "--db", "ledger.db"], 2, ["abc"]),
        (["doctor", "--db", "text.db"], 1, ["not a database"]),
        (["search", "no/such.yaml"], 2, ["no/such.yaml", "no such file"]),
        (["search", "axis.yaml"], 1, ["axis.yaml:7: 'mixng' is not", "did you mean mixing?"]),
        (["search", "axis.yaml", "--dry-run"], 1, ["axis.yaml:7: 'mixng' is not"]),
        (["search", "value.yaml"], 1, ["value.yaml:9: 'softt' is not a value", "did you mean"]),
        (["search", "template.yaml"], 1, ["template.yaml:7: there is no template", "moe4"]),
        (["search", "procedure.yaml"], 1, ["procedure.yaml:7", "'jiont'", "joint"]),
        (["search", "--drop", "vti"], 2, ["--drop", "vti", "vit"]),
        (["search", "--log", "wandb"], 2, ["wandb", "tensorboard"]),
        (["search", "--name", "a/../\u2028"], 2, ["--name", "cannot name a campaign"]),
        (["search", "--sampler", "screen"], 2, ["--from-screen"]),
        (["search", "--db", "postgresql://u:secret@h:x/y"], 2, ["neither a path nor"]),
        (["search", "--db", "."], 2, ["a ledger must be a regular file"]),
        (["search", "--time-limit", f"{'9' * 400}d"], 2, ["--time-limit", "duration"]),
        (["bank", "--dataset", "cifar10"], 1, ["nas data get cifar10"]),
        *(  # at once: there is no ledger, and a bank would not help
            ([*words, "--db", "no.db"], 2, ["pce is a space of arms", "a space with families"])
            for words in (
                ["bank", "pce"],
                ["screen", "pce"],
                ["search", "pce", "--experts", "bank"],
                ["search", "pce", "--from-screen", "3"],
            )
        ),
        (["bank", "tyni"], 2, ["did you mean tiny"]),
        (["bank", "--max-size", "much"], 2, ["--max-size"]),
        (["screen"], 2, ["no ledger", "nas bank"]),
        (["screen", "--max-params", "x"], 2, ["--max-params"]),
        (["doctor", "--db", "no.db"], 2, ["no.db: there is no ledger here"]),
        (["doctor", "--migrate"], 2, ["no ledger"]),
        (["resume"], 2, ["no ledger"]),
        (["resume", "--budget", "x"], 2, ["--budget"]),
        (["resume", "--time-limit", "x"], 2, ["--time-limit"]),
        (["plan", "--like", "latest", "--budget", "x"], 2, ["--budget"]),
        (["confirm"], 2, ["no ledger"]),
        (["show", "#99", "--db", "ledger.db"], 2, ["#99"]),
        (["report", "screen", "--screen", "7", "--db", "ledger.db"], 2, ["no screen 7"]),
        (["report", "--html", "x.html", "-f", "md", "--db", "ledger.db"], 2, ["--html"]),
        (["data", "get", "cifar11"], 2, ["did you mean cifar10"]),
        (["status", "--watch", "--json", "--db", "ledger.db"], 2, ["--watch"]),
        (["show", "#0", "--code", "--json", "--db", "ledger.db"], 2, ["--code"]),
        (["replay", "bad"], 2, ["'campaign': 'bad' is not one of 'airnet'"]),
        (["replay", "--json", "-f", "csv"], 2, ["--json"]),
        (["spaces", "--img-size", "32"], 2, ["--img-size goes with --new"]),
        (["spaces", "--max-params", "1M"], 2, ["--max-params goes with --new"]),
        (["bank", "--licence", "CC0"], 2, ["--licence goes with --publish"]),
        (["trust", "."], 2, ["no template"]),
        (["search", *BRIEF, "--dry-run", "--render", "few.yaml"], 2, ["few.yaml", "not a folder"]),
        (["data", "get", "digits"], 2, ["needs no download"]),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else str(value),
)
def test_one_clear_line(
    arguments: list[str], code: int, words: list[str], ledger: Path, tmp_path: Path
) -> None:
    (tmp_path / "few.yaml").write_text(SPACE)
    (tmp_path / "unknown.yaml").write_text(SPACE.replace("4", "2").replace("resnet]", "resnett]"))
    (tmp_path / "procedure.yaml").write_text(f"{SPACE}recipe: {{procedure: jiont}}\n")
    three = SPACE.replace("4", "3")
    (tmp_path / "axis.yaml").write_text(f"{three}choices: {{mixng: [soft]}}\n")
    (tmp_path / "value.yaml").write_text(f"{three}choices:\n  mixing: [soft,\n    softt]\n")
    (tmp_path / "template.yaml").write_text(f"{three}template: mo4\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.db").write_text("no database at all, but a text of some length\n" * 50)
    with sqlite3.connect(tmp_path / "other.db") as other:
        other.execute("CREATE TABLE something (id INTEGER)")
    other.close()
    shutil.copy(ledger, tmp_path / "ledger.db")
    before = {path: path.read_bytes() for path in tmp_path.glob("*.db")}
    there = set(tmp_path.iterdir())
    done = nas(*arguments, cwd=tmp_path)
    messages = done.stderr + done.stdout
    assert done.returncode == code, messages
    assert "Traceback" not in messages
    for word in words:
        assert word in messages, messages
    assert "secret" not in messages
    if "Usage:" not in messages and arguments[0] != "doctor":
        assert len(done.stderr.strip().splitlines()) == 1, messages
    new = {path.name for path in set(tmp_path.iterdir()) - there}
    assert new <= {"ledger.db-wal", "ledger.db-shm"}  # no empty ledger, no folder for its files
    for path in ("text.db", "other.db"):
        assert (tmp_path / path).read_bytes() == before[tmp_path / path]


def test_a_refused_resume_changes_nothing(tmp_path: Path) -> None:
    from nas.ledger import Ledger
    from nas.schema import SearchConfig
    from nas.space import load

    config = SearchConfig(trials=1)
    ledger = Ledger(tmp_path / "runs.db", read_only=False)
    ledger.create_campaign("c", load("tiny"), config)
    done = nas("resume", "--gpus", "8", cwd=tmp_path)
    assert done.returncode == 2
    assert "8 GPUs wanted" in done.stderr
    assert ledger.campaign("c").config == config


@pytest.mark.parametrize("size", ["30", "33"])
def test_a_size_that_the_space_cannot_have_is_the_option_s_fault(size: str, tmp_path: Path) -> None:
    done = nas("search", "pce", "--image-size", size, "--dry-run", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith(f"nas: --image-size {size}: patch 4 does not divide 1")
    assert "pce.yaml" not in done.stderr


def test_a_space_that_is_wrong_at_its_own_size_too_is_the_file_s_fault(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("template: pce\nimage_size: 36\nchoices: {patch: [5]}\n")
    done = nas("search", "./own.yaml", "--image-size", "33", "--dry-run", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith("nas: own.yaml:1: patch 5 does not divide 33")


VIT = """\
image_size: 64
experts:
  choose: 2
  families:
    resnet: [test_resnet]
    efficientnet: [test_efficientnet]
    nfnet: [test_nfnet]
    vit: [vit_tiny_patch16_224]
"""
WRONG = (
    "refuses 64×64 images: AssertionError: Input height (64) doesn't match model (224)."
    " — give it args: {img_size: 64}"
)


def test_a_dry_run_leaves_out_what_a_run_would(tmp_path: Path) -> None:
    """And draws then as if it were not in the file."""
    (tmp_path / "fam.yaml").write_text(VIT)
    (tmp_path / "less.yaml").write_text(VIT.replace("    vit: [vit_tiny_patch16_224]\n", ""))
    draws = ("--trials", "3", "--dry-run")
    done, less = (nas("search", f"{name}.yaml", *draws, cwd=tmp_path) for name in ("fam", "less"))
    assert done.returncode == less.returncode == 0, done.stderr + less.stderr
    assert done.stdout == less.stdout
    assert len(done.stdout.splitlines()) == 3
    left_out = "vit_tiny_patch16_224 fails its pre-flight and is left out"
    assert done.stderr.splitlines()[0] == f"{left_out}: {WRONG}"


def test_a_dry_run_of_too_few_sound_families_says_why(tmp_path: Path) -> None:
    (tmp_path / "fam.yaml").write_text(VIT.replace("choose: 2", "choose: 4"))
    done = nas("search", "fam.yaml", "--trials", "3", "--dry-run", cwd=tmp_path)
    assert done.returncode == 1
    assert f"(vit_tiny_patch16_224: {WRONG})" in done.stderr
    assert done.stdout == ""


def test_a_member_that_fails_has_no_figures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def profiled(
        _: object, members: list[Member], *__: object, **___: object
    ) -> dict[str, MemberProfile]:
        failed, *sound = sorted(members, key=lambda member: member.model != "vit_tiny_patch16_224")
        profiles = [
            MemberProfile(member=m, ok=True, params=7, macs=7, seconds=1, batch=8) for m in sound
        ]
        profiles.append(MemberProfile(member=failed, ok=False, problem=WRONG))
        return {profile.member.model: profile for profile in profiles}

    monkeypatch.setattr("nas.campaign.profiling.profile_members", profiled)
    (tmp_path / "fam.yaml").write_text(VIT)
    shown = nas("families", "fam.yaml", cwd=tmp_path).stdout
    line, messages = (line for line in shown.splitlines() if "vit_tiny" in line)
    assert line.split() == ["vit", "vit_tiny_patch16_224", *"––––", "fails"]
    assert messages == f"vit_tiny_patch16_224 fails: {WRONG}"
    rows = json.loads(nas("families", "fam.yaml", "--json", cwd=tmp_path).stdout)
    [row] = (row for row in rows if not row["ok"])
    assert row["problem"] == WRONG
    assert [row[name] for name in ("params", "macs", "step_seconds", "step_batch")] == [None] * 4
    assert [row["params"] for row in rows if row["ok"]] == [7] * 3
