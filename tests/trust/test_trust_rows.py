"""Whatever a ledger's rows say, nothing outside its files folder is read, written or removed."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from campaign_bench import Bench, epoch
from sqlalchemy import update

from nas.campaign.weights import sweep
from nas.experts import Bank, BankError
from nas.export.model import export
from nas.ledger import CampaignStore, Owner
from nas.ledger import models as m
from nas.render import render
from nas.schema import CHECKPOINT, WEIGHTS, Candidate, Epoch, Outcome, ProblemError, Status, Trial


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., Bench]:
    return lambda **config: Bench(tmp_path / "here", **config)


def saving(trial: Trial) -> Iterator[Epoch | Outcome]:
    """Trains, on paper, and leaves what a worker leaves."""
    folder = Path(trial.folder)
    folder.mkdir(parents=True)
    for name in (CHECKPOINT, WEIGHTS):
        (folder / name).write_text(name)
    yield epoch(1)
    yield Outcome(status=Status.OK, val_acc=0.5, epochs=1, weights=WEIGHTS)


def victim(folder: Path) -> Path:
    """Somebody's folder, with everything in it that nas would like to find."""
    folder.mkdir(parents=True)
    for name in ("thesis.txt", CHECKPOINT, WEIGHTS, "entry.json"):
        (folder / name).write_text("precious")
    return folder


def unharmed(folder: Path) -> bool:
    return sorted(p.name for p in folder.iterdir() if p.read_text() == "precious") == sorted(
        ["thesis.txt", CHECKPOINT, WEIGHTS, "entry.json"]
    )


def store(bench: Bench) -> CampaignStore:
    return CampaignStore(bench.ledger, bench.id, Owner.me())


def change(bench: Bench, table: type[m.Base], **values: object) -> None:
    with bench.ledger.session() as session:
        session.execute(update(table).values(**values))


@pytest.mark.parametrize("keep", ["all", "best:1"])
def test_a_folder_in_a_row_is_not_looked_at(
    bench: Callable[..., Bench], tmp_path: Path, keep: str
) -> None:
    campaign = bench(trials=2, keep_weights=keep)
    campaign.run(saving)
    precious = victim(tmp_path / "victim")
    for weights in (None, WEIGHTS):
        for folder in (str(precious), "../../victim", "../victim", "1/../../../victim", "", "."):
            change(campaign, m.Attempt, folder=folder, weights=weights)
            campaign.run(saving)  # resumed: what ended attempts left is swept
            assert unharmed(precious)


def test_a_file_in_a_row_is_not_copied(bench: Callable[..., Bench], tmp_path: Path) -> None:
    campaign = bench(trials=1, keep_weights="all")
    campaign.run(saving)
    precious = victim(tmp_path / "victim")
    with campaign.ledger.session() as session:
        [row] = session.query(m.Candidate).all()
        row.code = render(Candidate.model_validate(row.spec))
    change(campaign, m.Attempt, weights_sha256=hashlib.sha256(WEIGHTS.encode()).hexdigest())
    for n, weights in enumerate((str(precious / "thesis.txt"), "../../../../victim/thesis.txt")):
        change(campaign, m.Attempt, weights=weights)
        export(campaign.ledger, "#0", tmp_path / str(n))
        assert (tmp_path / str(n) / WEIGHTS).read_text() == WEIGHTS
        assert store(campaign).weight_files()[0][1].read_text() == WEIGHTS


def test_a_key_that_is_none_leads_nowhere(bench: Callable[..., Bench], tmp_path: Path) -> None:
    campaign = bench(trials=1, keep_weights="all")
    campaign.run(saving)
    precious = victim(tmp_path / "victim")
    change(campaign, m.Attempt, weights=None)
    for key in ("..", "../..", "/", "../../victim", str(precious), "a/b", "1", ""):
        change(campaign, m.Candidate, key=key)
        assert not store(campaign).weight_files()
        sweep(store(campaign).attempt_files())
        assert unharmed(precious)


@pytest.mark.parametrize("place", ["", "1", "1/{key}", "1/{key}/{attempt}"])
def test_links_among_the_files_are_not_followed(
    bench: Callable[..., Bench], tmp_path: Path, place: str
) -> None:
    """The whole folder may be a link, to another disk say; what it holds may not."""
    campaign = bench(trials=1, keep_weights="all")
    campaign.run(saving)
    [found] = campaign.ledger.files.glob("1/*/*")
    there = place.format(key=found.parent.name, attempt=found.name)
    outside = tmp_path / "outside"
    (campaign.ledger.files / there).rename(outside)
    (campaign.ledger.files / there).symlink_to(outside)
    precious = victim(outside / "victim") if place else None
    if place:
        with pytest.raises(ProblemError, match="link leads out"):
            export(campaign.ledger, "#0", tmp_path / "out")
    change(campaign, m.Attempt, weights=None)  # so that its folder is emptied
    sweep(store(campaign).attempt_files())
    left = [p for p in outside.rglob("*") if p.is_file()]
    assert bool(left) == bool(place)
    assert precious is None or unharmed(precious)


def test_a_link_in_place_of_a_checkpoint_or_weights_is_refused_or_removed_alone(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    campaign = bench(trials=1, keep_weights="all")
    campaign.run(saving)
    precious = victim(tmp_path / "victim")
    [folder] = campaign.ledger.files.glob("1/*/*")
    for name in (CHECKPOINT, WEIGHTS):
        (folder / name).unlink(missing_ok=True)
        (folder / name).symlink_to(precious / "thesis.txt")
    (folder / "all").symlink_to(precious)
    with pytest.raises(ProblemError, match="link leads out"):
        export(campaign.ledger, "#0", tmp_path / "out")
    change(campaign, m.Attempt, weights=None)
    sweep(store(campaign).attempt_files())
    assert not folder.exists()
    assert unharmed(precious)


def test_an_attempt_begins_with_an_empty_folder(
    bench: Callable[..., Bench], tmp_path: Path
) -> None:
    """Its number may be foreseen, and links laid in its way."""
    campaign = bench(trials=1)
    precious = victim(tmp_path / "victim")
    seen: list[list[str]] = []

    def script(trial: Trial) -> Iterator[Epoch | Outcome]:
        folder = Path(trial.folder)
        seen.append([path.name for path in folder.iterdir()] if folder.exists() else [])
        yield Outcome(status=Status.OK, val_acc=0.5)

    driver = campaign.drive()
    first = driver.proposer(())
    assert first is not None
    folder = campaign.ledger.attempt_folder(campaign.id, first.candidate.key, 1)
    folder.mkdir(parents=True)
    (folder / WEIGHTS).symlink_to(precious / "thesis.txt")
    campaign.run(script, driver)
    assert seen == [[]]
    assert unharmed(precious)


@pytest.mark.parametrize("key", ["../victim", "{victim}", "..", "."])
def test_a_bank_has_no_experts_outside(tmp_path: Path, key: str) -> None:
    precious = victim(tmp_path / "victim")
    bank = Bank(tmp_path / "bank")
    for call in (bank.entry, bank.remove):
        with pytest.raises(BankError, match="not a valid name for a file"):
            call(key.format(victim=precious))
    assert unharmed(precious)
