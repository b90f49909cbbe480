"""A campaign's data must not change after its start."""

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from campaign_bench import Bench, Script, scripts
from ledger_maker import CODE, COST, INPUTS
from PIL import Image
from sqlalchemy import select
from typer.testing import CliRunner

from nas.campaign import screen
from nas.campaign.bank import bank_members, open_bank, with_starts
from nas.campaign.dataset import check_experts_unchanged, check_unchanged, examine, experts_of
from nas.campaign.dry_run import DryRun
from nas.campaign.run import Callbacks, prepare_campaign, run
from nas.cli.app import app
from nas.ledger import CampaignStore, Ledger, NewCandidate, Owner
from nas.ledger.datasets import manifest_of
from nas.ledger.models import Campaign, Dataset
from nas.ledger.records import ScreenExpert
from nas.ledger.screens import put_screen
from nas.schema import (
    BankConfig,
    CampaignConfig,
    Epoch,
    Outcome,
    ProblemError,
    Role,
    ScreenConfig,
    SearchConfig,
    Space,
    Status,
    Trial,
)
from nas.space import load


def nothing(line: str) -> None:
    raise AssertionError(line)


def silent(line: str) -> None:
    """At the start a message describes the data set."""


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for i in range(6):
            pixels = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / name / f"{i}.png")
    return tmp_path / "pets"


@pytest.fixture
def config(pets: Path) -> CampaignConfig:
    return SearchConfig(dataset=f"folder:{pets}", executor="inline", trials=1)


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "runs.db", read_only=False)


def test_what_it_began_with_is_kept(ledger: Ledger, config: CampaignConfig, pets: Path) -> None:
    name = prepare_campaign(ledger, load("tiny"), config, None, examine(config, silent))
    check_unchanged(ledger, name, config, nothing)
    shutil.copytree(pets / "dog", pets / "ape")
    for _ in range(2):  # what is there now does not take its place
        with pytest.raises(ProblemError, match=r"1 class added \(ape\); 6 files added") as caught:
            check_unchanged(ledger, name, config, nothing)
        assert f"search tiny --dataset folder:{pets}" in caught.value.problem.fix
    shutil.rmtree(pets / "ape")
    check_unchanged(ledger, name, config, nothing)


def test_a_campaign_without_a_record_takes_what_is_there(
    ledger: Ledger, config: CampaignConfig, pets: Path
) -> None:
    campaign = ledger.create_campaign("old", load("tiny"), config)
    CampaignStore(ledger, campaign, Owner.me()).set_state("running")
    messages: list[str] = []
    check_unchanged(ledger, "old", config, messages.append)
    found, held = messages
    assert found.startswith("pets: 12 images in 2 classes: 8 train, 2 validation, 2 test.")
    assert held == "old had no record of its data: the current data are recorded now"
    check_unchanged(ledger, "old", config, nothing)
    (pets / "cat" / "0.png").unlink()
    with pytest.raises(ProblemError, match=r"1 file removed \(cat/0.png\)"):
        check_unchanged(ledger, "old", config, nothing)


def test_campaigns_on_the_same_data_share_a_record(ledger: Ledger, config: CampaignConfig) -> None:
    made = [ledger.create_campaign(n, load("tiny"), config) for n in "ab"]
    for name in "ab":
        check_unchanged(ledger, name, config, silent)
    first, second = (manifest_of(ledger, campaign) for campaign in made)
    assert first == second
    assert first is not None


def test_a_run_stops_before_it_does_anything(
    ledger: Ledger, config: CampaignConfig, pets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = prepare_campaign(ledger, load("tiny"), config, None, examine(config, silent))
    shutil.copytree(pets / "dog", pets / "ape")
    monkeypatch.setattr("nas.campaign.run.profile_members", nothing)
    with pytest.raises(ProblemError, match=f"the data of {name} have changed"):
        run(ledger, name, config, Callbacks())


def test_a_record_is_renewed_where_times_alone_differ(
    ledger: Ledger, config: CampaignConfig, pets: Path
) -> None:
    names = [
        prepare_campaign(ledger, load("tiny"), config, name, examine(config, silent))
        for name in ("one", "two")
    ]
    one, two = (ledger.campaign(name).id for name in names)
    first = manifest_of(ledger, one)
    os.utime(pets / "cat" / "0.png", (1, 1))
    check_unchanged(ledger, "one", config, nothing)
    assert manifest_of(ledger, one) == examine(config, silent).to_json() != first
    assert manifest_of(ledger, two) == first
    check_unchanged(ledger, "two", config, nothing)
    assert manifest_of(ledger, two) == manifest_of(ledger, one)
    with ledger.session() as session:
        assert len(session.scalars(select(Dataset)).all()) == 1


def test_a_dry_run_is_held_to_the_data_too(
    ledger: Ledger, config: CampaignConfig, pets: Path
) -> None:
    name = prepare_campaign(ledger, load("tiny"), config, None, examine(config, silent))
    kept = manifest_of(ledger, ledger.campaign(name).id)
    os.utime(pets / "cat" / "0.png", (1, 1))
    DryRun(load("tiny"), config, 1, ledger=ledger, after=name)
    assert manifest_of(ledger, ledger.campaign(name).id) == kept
    (pets / "cat" / "0.png").unlink()
    with pytest.raises(ProblemError, match=r"1 file removed \(cat/0.png\)"):
        DryRun(load("tiny"), config, 1, ledger=ledger, after=name)


@pytest.mark.parametrize(
    "words",
    [["resume"], ["resume", "photos"], ["confirm"], ["search", "--dry-run", "--name", "photos"]],
    ids=" ".join,
)
def test_a_folder_that_has_moved_is_wanted_back(
    ledger: Ledger,
    config: CampaignConfig,
    pets: Path,
    words: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    prepare_campaign(ledger, load("tiny"), config, "photos", examine(config, silent))
    monkeypatch.setattr("nas.campaign.confirm.confirm", run_to_confirm)
    pets.rename(pets.with_name("moved"))
    monkeypatch.chdir(pets.parent)
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, ProblemError), done.output
    problem = done.exception.problem
    assert problem.what == "the folder with which photos started is gone"
    assert problem.where == str(pets)
    assert problem.fix.startswith("move it back, or link it: ln -s NEW_PLACE ")
    typed = problem.fix.partition(": ")[2].replace("NEW_PLACE", "moved")
    subprocess.run(shlex.split(typed), check=True)
    check_unchanged(ledger, "photos", config, nothing)


def run_to_confirm(
    ledger: Ledger, name: str, config: CampaignConfig, callbacks: Callbacks, **_: int
) -> None:
    """As if there were leaders."""
    run(ledger, name, config, callbacks, only=Role.CONFIRM)


def test_a_dry_run_needs_no_data(tmp_path: Path) -> None:
    DryRun(load("tiny"), SearchConfig(dataset="cifar10", data_root=str(tmp_path)), 1)


@pytest.mark.parametrize("command", [["search"], ["search", "--dry-run"], ["bank"]])
def test_who_begins_is_reported_once_what_was_found(
    command: list[str], pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nas.cli.search.work", lambda *_: None)
    monkeypatch.setattr("nas.cli.bank_training._train", lambda *_: None)
    words = [*command, "tiny", "--dataset", f"folder:{pets}", "--executor", "local"]
    done = CliRunner().invoke(app, words)
    messages = "pets: 12 images in 2 classes: 8 train, 2 validation, 2 test."
    held = " Held out from a bank's experts: 2 of train." * (command == ["bank"])
    line = f"{messages}{held} One validation image is 50 points of accuracy."
    assert done.output.splitlines().count(line) == 1, done.output


@pytest.mark.parametrize("command", [["search"], ["search", "--dry-run"], ["bank"]])
def test_all_bad_images_are_named_before_a_ledger_is_made(
    command: list[str], pets: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pets / "cat" / "x.png").write_text("no image")
    (pets / "dog" / "y.png").touch()
    monkeypatch.chdir(tmp_path)
    words = [*command, "tiny", "--dataset", f"folder:{pets}", "--executor", "local"]
    done = CliRunner().invoke(app, words)
    assert isinstance(done.exception, ProblemError)
    assert "2 of 14 images cannot be read" in str(done.exception)
    assert "x.png" in str(done.exception)
    assert "y.png" in str(done.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["pets"]


THREE = """\
image_size: 16
experts:
  choose: 2
  families: {a: [test_resnet], b: [test_byobnet], c: [test_convnext]}
recipe: {epochs: 1}
"""


class TestBank:
    """What a bank's experts learned and predict is of the data that they were trained on."""

    @pytest.fixture
    def three(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Space:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "three.yaml").write_text(THREE)
        return load("three.yaml")

    @pytest.fixture
    def bank(self, ledger: Ledger, three: Space, pets: Path) -> CampaignConfig:
        """One that has been filled, and a screen of its experts; the settings of a search."""
        config = BankConfig(dataset=f"folder:{pets}", hold_out=0.2)
        manifest = examine(config, silent)
        experts = bank_members(three, config)
        name, _ = open_bank(ledger, three, config, experts, lambda: manifest)
        drawn = [NewCandidate(candidate=e.candidate, code=CODE, cost=COST) for e in experts]
        CampaignStore(ledger, ledger.campaign(name).id, Owner.me()).plan(Role.SEARCH, drawn)
        score = {"families": "a+b", "members": "test_resnet+test_byobnet", "uniform": 0.5}
        put_screen(
            ledger,
            three,
            ScreenConfig(dataset=config.dataset),
            [ScreenExpert(expert.key, expert.family, expert.model) for expert in experts],
            [score | {"probe": 0.5}],
            total=3,
            val_images=2,
            test_images=2,
            seconds=1.0,
        )
        return SearchConfig(dataset=f"folder:{pets}", executor="inline", experts=name)

    @staticmethod
    def swap(pets: Path) -> None:
        """Other images in the same classes, as many."""
        for at in (("cat", "x"), ("dog", "cat"), ("x", "dog")):
            (pets / at[0]).rename(pets / at[1])

    @pytest.mark.parametrize(
        "words",
        [
            ["search", "three", "--experts", "bank"],
            ["search", "three", "--from-screen", "1", "--trials", "1"],
            ["search", "three", "--experts", "bank", "--dry-run"],
            ["search", "three", "--from-screen", "1", "--dry-run"],
            ["bank", "three", "--epochs", "1"],
            ["screen", "three"],
        ],
        ids=" ".join,
    )
    def test_a_bank_of_other_data_is_used_by_no_command(
        self,
        ledger: Ledger,
        bank: CampaignConfig,
        pets: Path,
        words: list[str],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        monkeypatch.setattr(
            screen, "existing_entries", lambda _, experts: {e.key: e for e in experts}
        )
        self.swap(pets)
        names = ledger.campaign_names()
        done = CliRunner().invoke(app, [*words, "--dataset", bank.dataset])
        assert isinstance(done.exception, ProblemError), done.output
        problem = done.exception.problem
        assert f"the data of {bank.experts} have changed since it started: 12 files" in problem.what
        anew = f"start again: nas bank three --dataset {bank.dataset} --db another.db"
        assert problem.fix.endswith(anew)
        assert ledger.campaign_names() == names

    def test_its_members_in_another_space_are_of_those_data_too(
        self, bank: CampaignConfig, pets: Path, tmp_path: Path
    ) -> None:
        (tmp_path / "other.yaml").write_text(THREE.replace("choose: 2", "choose: 3"))
        self.swap(pets)
        done = CliRunner().invoke(app, ["bank", "other", "--dataset", bank.dataset])
        assert f"the data of {bank.experts} have changed" in str(done.exception)

    def test_a_search_from_a_bank_stops_once_the_bank_s_data_have_changed(
        self, ledger: Ledger, bank: CampaignConfig, three: Space, pets: Path
    ) -> None:
        """A search of an older nas may have started with experts of other data."""
        self.swap(pets)
        name = prepare_campaign(ledger, with_starts(three), bank, None, examine(bank, silent))
        with pytest.raises(ProblemError, match=f"the data of {bank.experts} have changed"):
            run(ledger, name, bank, Callbacks())

    def test_data_that_are_gone_have_not_changed(
        self, ledger: Ledger, bank: CampaignConfig, pets: Path
    ) -> None:
        """A screen needs none of them."""
        pets.rename(pets.with_name("elsewhere"))
        check_experts_unchanged(ledger, experts_of(ledger, bank), nothing)

    def test_unchanged_data_are_not_read_again(
        self, ledger: Ledger, bank: CampaignConfig, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("hashlib.file_digest", nothing)
        monkeypatch.setattr("nas.data.examining.look_at_all", nothing)
        check_experts_unchanged(ledger, experts_of(ledger, bank), nothing)

    def test_one_without_a_record_takes_what_is_there(
        self, ledger: Ledger, bank: CampaignConfig, pets: Path
    ) -> None:
        keys = experts_of(ledger, bank)
        ident = ledger.campaign(bank.experts).id
        CampaignStore(ledger, ident, Owner.me()).set_state("done")
        with ledger.session() as session:
            session.get_one(Campaign, ident).dataset_id = None
        check_experts_unchanged(ledger, keys, nothing, write=False)
        messages: list[str] = []
        check_experts_unchanged(ledger, keys, messages.append)
        assert len(messages) == 2
        assert messages[0].startswith("pets: 12 images")
        assert "had no record of its data: the current data are recorded now" in messages[1]
        self.swap(pets)
        with pytest.raises(ProblemError, match="have changed"):
            check_experts_unchanged(ledger, keys, nothing)


def fed(**seen: Any) -> Script:
    def script(trial: Trial) -> Iterator[Epoch | Outcome]:
        yield Outcome(status=Status.OK, val_acc=0.5, inputs=INPUTS.with_(**seen))

    return script


def test_data_that_change_under_a_run_stop_it_and_fail_no_candidate(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "bench", trials=3)
    two, three = ("cat", "dog"), ("ape", "cat", "dog")
    driver = bench.run(scripts(fed(class_names=two), fed(class_names=three)))
    assert bench.outcomes() == [(0, "ok"), (1, None)]
    assert driver.stopping.fault is not None
    assert "changed during the campaign: 3 classes" in driver.stopping.fault
    assert "before 2 classes" in driver.stopping.fault


def test_a_scale_that_changes_under_a_run_stops_it(tmp_path: Path) -> None:
    bench = Bench(tmp_path / "bench", trials=3)
    driver = bench.run(scripts(fed(value_range=(0, 4095)), fed(value_range=(0, 65535))))
    assert bench.outcomes() == [(0, "ok"), (1, None)]
    assert driver.stopping.fault is not None
    assert "values 0…65535, and before" in driver.stopping.fault
