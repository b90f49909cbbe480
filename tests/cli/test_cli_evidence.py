"""Audit, phases and advice on the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
from ledger_maker import Maker
from real_nas import inside as nas
from real_nas import run

from nas.ledger import Ledger
from nas.schema import DrawConstraints, SearchConfig
from nas.space import load


def dry(*arguments: str, cwd: Path) -> dict[str, object]:
    reported = nas("search", *arguments, "--dry-run", "--audit", "--json", cwd=cwd)
    assert reported.returncode == 0, reported.stderr
    found: dict[str, object] = json.loads(reported.stdout)["audit"]
    assert set(found) == {"verdict", "flagged_at", "why"}
    return found


def test_a_dry_run_ends_with_the_audit_s_line(tmp_path: Path) -> None:
    biased = dry("--sampler", "lexicographic", "--trials", "16", cwd=tmp_path)
    assert biased["verdict"] == "biased"
    assert isinstance(biased["flagged_at"], int)
    assert "byobnet" in str(biased["why"])
    fair = dry("--trials", "16", cwd=tmp_path)
    assert (fair["verdict"], fair["flagged_at"]) == ("fair", None)
    adaptive = dry("--trials", "3", "--prefer", "resnet", cwd=tmp_path)
    assert (adaptive["verdict"], adaptive["flagged_at"]) == ("adaptive", None)
    assert "prefers resnet" in str(adaptive["why"])


@pytest.fixture
def lopsided(tmp_path: Path) -> Path:
    """A short campaign whose candidates all hold ant."""
    maker = Maker(tmp_path / "runs.db", sampler="uniform")
    for partner, accuracy in (("bee_s", 0.9), ("cat_s", 0.8), ("dog_s", 0.7)):
        maker.trained("ant_s", partner, val=accuracy)
    maker.ledger.close()
    return tmp_path


def test_every_report_begins_with_the_verdict(lopsided: Path) -> None:
    table = nas("report", "family_yield", cwd=lopsided, COLUMNS="200")
    first = " ".join(table.stdout.split())
    assert first.startswith("The draw looks fair: 3 draws, ")
    assert "times as likely from a biased sampler as from a fair one; 200 times means" in first
    markdown = nas("report", "family_yield", "--format", "md", cwd=lopsided)
    assert markdown.stdout.splitlines()[0].startswith("The draw looks fair")
    data = nas("report", "family_yield", "--format", "json", cwd=lopsided)
    assert {row["family"] for row in json.loads(data.stdout)} == {"ant", "bee", "cat", "dog"}


def test_a_report_that_advises_nothing_is_not_taken_up(lopsided: Path) -> None:
    reported = nas("resume", "--from-report", cwd=lopsided)
    assert reported.returncode == 1
    assert "recommends nothing yet" in reported.stderr
    assert "Traceback" not in reported.stderr


def test_a_report_says_what_its_columns_mean(lopsided: Path) -> None:
    meaning = nas("report", "leaderboard", "--about", cwd=lopsided)
    assert meaning.returncode == 0
    assert meaning.stdout.splitlines()[0].endswith("?")
    assert "seconds               worker time of all its attempts, in seconds" in meaning.stdout
    unnamed = nas("report", "--about", cwd=lopsided)
    assert (unnamed.returncode, unnamed.stdout) == (2, "")
    shown = nas("report", "leaderboard", cwd=lopsided)
    assert "nas report leaderboard --about" in shown.stderr


def test_audit_without_a_dry_run_is_refused_before_any_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unwanted(*_: object) -> None:
        raise AssertionError("the data set was looked for")

    monkeypatch.setattr("nas.cli.defaults.provide", unwanted)
    reported = nas("search", "--audit", "--trials", "1", cwd=tmp_path)
    assert (reported.returncode, "--audit goes with --dry-run" in reported.stderr) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["plan", "tiny"], 2, "--trials and --budget"),
        (["plan", "-n", "9", "-w", "2"], 2, "--workers goes with --budget without --like"),
        (["plan", "-n", "9", "-d", "cifar10"], 2, "--dataset goes with --budget without"),
        (["plan", "-b", "1h", "--like", "x", "--data-root", "y"], 2, "--data-root goes with"),
        (["plan", "tiny", "-n", "9", "--gpus", "1"], 2, "--gpus goes with --budget without"),
        (["plan", "tiny", "--budget", "1d", "--like", "x"], 2, "runs.db"),
        (["plan", "tinny", "--trials", "5"], 2, "did you mean tiny"),
        (["search", "--prefer", "resnett", "--dry-run"], 2, "did you mean resnet"),
        (["search", "--drop", "resnet", "--from-report", "x", "--dry-run"], 2, "replaces"),
        (["search", "--audit", "--trials", "1"], 2, "--dry-run"),
    ],
)
def test_bad_input_is_one_line(arguments: list[str], code: int, words: str, tmp_path: Path) -> None:
    reported = nas(*arguments, cwd=tmp_path, COLUMNS="200")
    assert reported.returncode == code
    assert words in reported.stderr
    assert "Traceback" not in reported.stderr


def test_plan_says_what_trials_can_tell(tmp_path: Path) -> None:
    reported = json.loads(nas("plan", "-n", "200", "--noise", "2", "--json", cwd=tmp_path).stdout)
    assert reported["results"] == 200
    assert reported["family_points"] == pytest.approx(2 * reported["family_sd"])
    assert 0 < reported["family_points"] < reported["pair_points"]
    words = nas("plan", "-n", "200", "--noise", "2", cwd=tmp_path).stdout
    assert f"{reported['family_points']:.2f} points" in words


def test_a_terminal_without_dashes_is_no_error(lopsided: Path) -> None:
    reported = run("report", "family_yield", cwd=lopsided, PYTHONIOENCODING="ascii")
    assert reported.returncode == 0
    assert "Traceback" not in reported.stderr


SPACE = """\
image_size: 32
experts:
  choose: 2
  families:
    byobnet: [test_byobnet]
    efficientnet: [test_efficientnet]
    mambaout: [test_mambaout]
    nfnet: [test_nfnet]
    resnet: [test_resnet]
    vit: [{model: test_vit, args: {img_size: 32}}]
recipe: {epochs: 1, batch_size: 64, lr: 0.003}
"""


@pytest.fixture
def decided(tmp_path: Path) -> Path:
    """Sixty planted results in which resnet is good and nfnet is bad."""
    (tmp_path / "six.yaml").write_text(SPACE)
    config = SearchConfig(trials=60, executor="local", controls=False).model_dump()
    maker = Maker(tmp_path / "runs.db", space=load(str(tmp_path / "six.yaml")), **config)
    maker.store.begin_phase(DrawConstraints())
    rng = np.random.default_rng(0)
    models = {family: member.model for family, member in maker.space.members}
    for replicate in range(60):
        pair = sorted(rng.choice(list(models), 2, replace=False))
        value = 0.7 + 0.05 * ("resnet" in pair) - 0.06 * ("nfnet" in pair)
        value += 0.02 * rng.standard_normal()
        maker.trained(*(models[f] for f in pair), val=value, replicate=replicate)
    maker.ledger.close()
    return tmp_path


def test_a_new_campaign_takes_a_report_up(decided: Path) -> None:
    reported = nas(
        *("search", "six.yaml", "--from-report", "first", "--dry-run", "--audit", "--json"),
        *("--trials", "12"),
        cwd=decided,
    )
    assert reported.returncode == 0, reported.stderr
    assert "Following the report of first: drops nfnet" in reported.stderr
    found = json.loads(reported.stdout)
    audit = found["audit"]
    assert len(found["candidates"]) == 10  # all pairs of the five families that are left
    assert not any("nfnet" in draw["families"] for draw in found["candidates"])
    assert audit["verdict"] in ("fair", "adaptive")


@pytest.mark.proof
def test_a_campaign_goes_on_in_a_phase_of_its_own_report(decided: Path) -> None:
    reported = nas("resume", "--from-report", "--trials", "62", "-w", "1", cwd=decided)
    assert reported.returncode == 0, reported.stderr + reported.stdout
    ledger = Ledger(decided / "runs.db")
    later = ledger.candidates().query("phase == 1")
    assert later["outcome"].tolist() == ["ok", "ok"]
    assert not later["families"].str.contains("nfnet").any()
    reported = nas("report", "family_yield", "-f", "md", cwd=decided)
    assert reported.stdout.startswith("The draw is adaptive: phase 1 drops nfnet")
    again = nas("resume", "--drop", "none", "--prefer", "none", "--trials", "62", cwd=decided)
    assert again.returncode == 0, again.stderr
    events = ledger.events().query("kind == 'phase'")["data"].tolist()
    assert [event["plan"]["drop"] for event in events] == [[], ["nfnet"], []]
