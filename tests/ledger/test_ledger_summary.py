"""The summary that `nas status` and the live display show."""

import subprocess
import sys
import time
from pathlib import Path

import pytest
from ledger_maker import SPACE, Maker, epoch
from loaded_modules import loaded_by
from sqlalchemy import update

from nas.ledger import CampaignStore, Ledger, Owner
from nas.ledger import models as m
from nas.ledger.summary import summary
from nas.schema import Outcome, ProblemError, Role, SearchConfig, Status


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    config = {"dataset": "digits", "sampler": "stratified", "budget_seconds": 100.0, "trials": 8}
    return Maker(tmp_path / "runs.db", **config)


def test_a_campaign_at_work(maker: Maker) -> None:
    maker.trained("ant_s", "bee_s", val=0.8)
    best = maker.trained("ant_s", "cat_s", val=0.9)
    maker.failed("cat_s", "dog_s", status=Status.NAN)
    again = maker.draw("bee_s", "dog_s")
    maker.finish(again, Outcome(status=Status.OOM), final=False)
    maker.control("ant_s", 0.95)  # better, but no candidate of the search
    running = maker.draw("bee_m", "dog_s", mixing="top1")
    attempt = maker.start(running)
    maker.store.epoch(attempt, epoch(1, val_acc=0.6))
    maker.store.event("benched", family="dog", after=6)
    maker.store.heartbeat(30.0)

    s = summary(Ledger(maker.path))
    assert (s.campaign, s.space, s.dataset, s.sampler) == ("first", "toy", "digits", "stratified")
    assert (s.state, s.alive) == ("running", True)
    assert s.counts == {
        "search": {"ok": 2, "nan": 1, "open": 2},
        "control": {"ok": 1},
        "confirm": {},
        "replicate": {},
        "superseded": {},
    }
    assert (s.drawn, s.subsets) == (5, 6)  # C(4, 2) sets of families
    assert s.failures == {"nan": 1, "oom": 1}  # the retried attempt too
    assert s.success_rate == pytest.approx(2 / 3)
    assert s.benched == ("dog",)
    assert s.best is not None
    assert (s.best.key, s.best.val_acc) == (best.candidate.key, 0.9)
    [now] = s.running
    assert (now.attempt, now.key, now.number) == (attempt, running.candidate.key, 4)
    assert (now.epoch, now.epochs, now.val_acc) == (1, 2, 0.6)
    assert now.families == "bee+dog"
    assert abs(time.time() - now.since) < 600
    assert s.worked_seconds == 30.0
    assert s.per_hour == pytest.approx(360)  # 3 results in 30 s
    assert s.eta_seconds == pytest.approx(50)  # 5 trials at 10 s; the budget would give 70 s


def test_the_budget_ends_first(maker: Maker) -> None:
    maker.trained("ant_s", "bee_s", val=0.8)
    maker.store.heartbeat(40.0)
    assert summary(maker.ledger).eta_seconds == 60.0  # 7 trials would take 280 s


def repeated(tmp_path: Path) -> Maker:
    space = SPACE.with_(replicates=3)
    return Maker(tmp_path / "runs.db", space=space, dataset="digits", trials=3)


def test_replicates_are_still_to_come(tmp_path: Path) -> None:
    maker = repeated(tmp_path)
    maker.trained("ant_s", "bee_s", val=0.8)
    maker.trained("ant_s", "cat_s", val=0.8)
    maker.store.heartbeat(20.0)
    # At 10 s each: one trial, and two replicates of each of three.
    assert summary(maker.ledger).eta_seconds == pytest.approx(70)
    maker.trained("ant_s", "dog_s", val=0.8)
    maker.trained("ant_s", "bee_s", val=0.8, replicate=1, role=Role.REPLICATE)
    maker.draw("ant_s", "cat_s", replicate=1, role=Role.REPLICATE)
    maker.store.heartbeat(20.0)
    found = summary(maker.ledger)
    assert found.eta_seconds == pytest.approx(50)  # five of six
    assert found.per_hour == pytest.approx(3 / 40 * 3600)  # of the search alone, as before
    again = [(models, n) for models in ("bee_s", "cat_s", "dog_s") for n in (1, 2)]
    for model, n in again[1:2] + again[3:]:
        maker.trained("ant_s", model, val=0.8, replicate=n, role=Role.REPLICATE)
    assert summary(maker.ledger).eta_seconds == pytest.approx(40 / 8)  # the one that is open


def test_what_fails_has_no_replicates(tmp_path: Path) -> None:
    maker = repeated(tmp_path)
    maker.trained("ant_s", "bee_s", val=0.8)
    maker.failed("ant_s", "cat_s")
    maker.store.heartbeat(20.0)
    # One trial, of which half an ok one is expected, and two replicates of each of 1.5.
    assert summary(maker.ledger).eta_seconds == pytest.approx(40)


def test_a_campaign_that_has_just_begun(maker: Maker) -> None:
    s = summary(maker.ledger)
    assert (s.drawn, s.running, s.best, s.failures) == (0, (), None, {})
    assert (s.success_rate, s.per_hour, s.silent_seconds) == (None, None, None)
    assert s.eta_seconds == 100.0


def test_configurations_without_limits(tmp_path: Path) -> None:
    s = summary(Maker(tmp_path / "runs.db").ledger)
    assert (s.budget_seconds, s.trials, s.eta_seconds) == (None, None, None)


def test_a_driver_that_is_gone(maker: Maker) -> None:
    gone = subprocess.run(
        [sys.executable, "-c", "from nas.ledger import Owner; print(Owner.me())"],
        capture_output=True,
        text=True,
        check=True,
    )
    owner = Owner.parse(gone.stdout.strip())
    dead = CampaignStore(maker.ledger, maker.campaign, owner)
    maker.store = dead
    maker.draw("ant_s", "bee_s")
    dead.heartbeat(1.0)
    assert not summary(maker.ledger).alive  # though its lease and its last beat are fresh
    maker.store = CampaignStore(maker.ledger, maker.campaign, Owner.me())
    maker.draw("ant_s", "cat_s")
    assert summary(maker.ledger).alive  # another one works


def test_a_lease_that_nobody_gave_is_no_sign_of_life(maker: Maker) -> None:
    maker.draw("ant_s", "bee_s")
    for seconds, alive in ((30.0, True), (1e9, False)):
        with maker.ledger.session() as session:
            held = {"owner": "elsewhere/5/5/x", "lease_until": time.time() + seconds}
            session.execute(update(m.Candidate).values(held))
        assert summary(maker.ledger).alive is alive


def test_silence(maker: Maker) -> None:
    maker.store.heartbeat(1.0)
    assert summary(maker.ledger).alive
    with maker.ledger.session() as session:
        session.execute(update(m.Campaign).values(heartbeat_at=time.time() - 3600))
    s = summary(maker.ledger)
    assert not s.alive
    assert s.silent_seconds == pytest.approx(3600, abs=60)
    maker.store.heartbeat(1.0)
    maker.store.set_state("stopped")
    assert not summary(maker.ledger).alive


def test_by_name(maker: Maker) -> None:
    maker.ledger.create_campaign("second", maker.space, SearchConfig())
    maker.trained("ant_s", "bee_s", val=0.8, role=Role.CONFIRM)
    assert summary(maker.ledger).campaign == "second"  # the latest
    assert summary(maker.ledger, "first").counts["confirm"] == {"ok": 1}
    with pytest.raises(ProblemError, match="no campaign is named"):
        summary(maker.ledger, "third")


def test_it_loads_neither_pandas_nor_torch_nor_ray() -> None:
    assert not loaded_by("import nas.ledger.summary") & {"pandas", "torch", "ray", "numpy"}


def test_a_bank_is_meant_only_where_it_is_named_or_alone(tmp_path: Path) -> None:
    ledger = Maker(tmp_path / "runs.db", name="old-bank", bank=True).ledger
    Maker(tmp_path / "runs.db", name="new-bank", bank=True)
    assert summary(ledger).campaign == "new-bank"
    for name in ("searched", "again"):
        Maker(tmp_path / "runs.db", name=name, bank=False)
    Maker(tmp_path / "runs.db", name="last-bank", bank=True)
    assert ledger.campaign().name == "again"
    assert summary(Ledger(tmp_path / "runs.db")).campaign == "again"
    assert summary(ledger, "last-bank").campaign == "last-bank"


def test_of_a_bank_s_draw_nothing_is_reported(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "runs.db", bank=True)
    maker.store.event("coverage", flagged_at=4, why="noted by an older nas")
    maker.store.event("failing", why="noted by an older nas")
    found = summary(maker.ledger)
    assert (found.biased, found.failing) == (None, ())
