"""Open candidates are rendered again: continued, drawn again, or rejected; never run as stored."""

from collections.abc import Callable
from pathlib import Path

import pytest
from campaign_bench import Bench, ok, small_space
from sqlalchemy import select, update

from nas.ledger import CampaignStore, Owner
from nas.ledger import models as m
from nas.ledger.summary import summary
from nas.schema import Candidate, Outcome, Role, Status, Trial
from nas.schema.stop import Stop, StopReason


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The hash of every template, which a test changes as an editor would."""
    known = {"now": "a" * 16}
    for where in ("render.renewal", "campaign.proposals", "campaign.controls"):
        monkeypatch.setattr(f"nas.{where}.template_hash", lambda name: known["now"])
    return known


def stop_after(bench: Bench, done: int) -> None:
    """Trains so many candidates, and is stopped within the next."""
    driver = bench.drive()
    for _ in range(done):
        trial = driver.next()
        assert isinstance(trial, Trial)
        driver.started(trial.attempt)
        for event in ok(trial):
            if isinstance(event, Outcome):
                driver.done(trial.attempt, event)
            else:
                driver.epoch(trial.attempt, event)
    trial = driver.next()
    assert isinstance(trial, Trial)
    driver.started(trial.attempt)
    driver.done(trial.attempt, Outcome(status=Status.INTERRUPTED, epochs=1))
    driver.stop(Stop(StopReason.SIGNAL, "stopped"))
    driver.close()


def points(bench: Bench) -> list[object]:
    store = CampaignStore(bench.ledger, bench.id, Owner.me())
    return [record.assignment for record in store.records()]


def test_an_unchanged_template_goes_on(bench: Callable[..., Bench], hashes: dict[str, str]) -> None:
    campaign = bench(trials=3)
    stop_after(campaign, 1)
    campaign.run()
    assert campaign.outcomes() == [(0, "ok"), (1, "ok"), (2, "ok")]
    assert campaign.attempts() == ["ok", "interrupted", "ok", "ok"]
    assert campaign.outcomes("superseded") == []


def test_a_changed_template_draws_the_same_point_again(
    bench: Callable[..., Bench], tmp_path: Path, hashes: dict[str, str]
) -> None:
    undisturbed = Bench(tmp_path / "undisturbed", trials=4)
    undisturbed.run()
    campaign = bench(trials=4, bench_after=1)
    stop_after(campaign, 1)
    hashes["now"] = "b" * 16
    campaign.run()
    assert campaign.outcomes() == [(0, "ok"), (1, "ok"), (2, "ok"), (3, "ok")]
    assert campaign.outcomes("superseded") == [(0, "superseded")]
    assert points(campaign) == points(undisturbed)  # as if it had not happened
    with campaign.ledger.session() as session:
        known = session.execute(
            select(m.Candidate.role, m.Candidate.number, m.Candidate.spec).order_by(m.Candidate.id)
        ).all()
    drawn_with = [(role, number, spec["template_hash"][0]) for role, number, spec in known]
    assert drawn_with == [
        *[("search", 0, "a"), ("superseded", 0, "a"), ("search", 1, "b")],
        *[("search", 2, "b"), ("search", 3, "b")],
    ]
    reported = [line for line in campaign.messages if "superseded" in line]
    assert ["#1" in line and "drawn again" in line for line in reported] == [True]
    assert not campaign.ledger.check()
    [event] = CampaignStore(campaign.ledger, campaign.id, Owner.me()).events("superseded")
    assert (event["role"], event["number"]) == ("search", 1)


def test_it_is_nobody_s_failure(bench: Callable[..., Bench], hashes: dict[str, str]) -> None:
    campaign = bench(trials=2, bench_after=1)
    stop_after(campaign, 1)
    hashes["now"] = "b" * 16
    campaign.run()
    found = summary(campaign.ledger)
    assert found.success_rate == 1.0
    assert found.failures == {}
    assert found.benched == ()
    assert found.counts["superseded"] == {"superseded": 1}
    assert not Status.SUPERSEDED.failed
    frame = campaign.ledger.candidates()
    assert frame.loc[frame["role"] == "search", "outcome"].tolist() == ["ok", "ok"]


def test_a_template_put_back_has_its_candidate_back(
    bench: Callable[..., Bench], hashes: dict[str, str]
) -> None:
    """Its key is in the campaign already: it goes on, and the other is superseded."""
    campaign = bench(trials=2)
    stop_after(campaign, 1)
    hashes["now"] = "b" * 16
    stop_after(campaign, 0)
    hashes["now"] = "a" * 16
    campaign.run()
    assert campaign.outcomes() == [(0, "ok"), (1, "ok")]
    with campaign.ledger.session() as session:
        rows = session.execute(
            select(m.Candidate.spec, m.Candidate.role).where(m.Candidate.role != Role.SEARCH)
        ).all()
    assert [(spec["template_hash"][0], role) for spec, role in rows] == [("b", "superseded")]


def test_a_confirmation_has_nothing_to_confirm_any_more(
    bench: Callable[..., Bench], hashes: dict[str, str]
) -> None:
    campaign = bench(trials=1)
    campaign.run()
    driver = campaign.drive()
    [leader] = driver.store.leaders(1)
    driver.store.plan(Role.CONFIRM, [driver.proposer.ready(leader.candidate.with_replicate(1))])
    hashes["now"] = "b" * 16
    campaign.run(driver=driver)
    assert campaign.outcomes("confirm") == []
    assert campaign.outcomes("superseded") == [(0, "superseded")]
    assert driver.finished


def test_other_code_under_the_same_hash_is_refused(
    bench: Callable[..., Bench], hashes: dict[str, str]
) -> None:
    campaign = bench(trials=2)
    stop_after(campaign, 1)
    with campaign.ledger.session() as session:
        session.execute(update(m.Candidate).values(code="import os\nos.system('rm -r ~')\n"))
    trained = len(campaign.trials)
    driver = campaign.run()
    assert driver.stopping.fault is not None
    assert "differs from what its template moe4 renders" in driver.stopping.fault
    assert len(campaign.trials) == trained
    with campaign.ledger.session() as session:
        query = select(m.Candidate.key).where(m.Candidate.outcome.is_(None))
        assert session.scalars(query).one() in driver.stopping.fault
    assert campaign.outcomes() == [(0, "ok"), (1, None)]
    assert campaign.ledger.campaign("c").state == "stopped"


def test_a_template_that_is_gone_is_a_problem_not_a_traceback(
    bench: Callable[..., Bench], hashes: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    campaign = bench(trials=2, space=small_space().with_(template="moe5"))
    stop_after(campaign, 1)
    monkeypatch.undo()  # the real hash
    driver = campaign.run()
    assert "cannot be rendered: there is no template 'moe5'" in (driver.stopping.fault or "")


@pytest.mark.parametrize("template", ["another", "../another"])
def test_a_template_that_is_not_the_campaign_s_is_refused(
    bench: Callable[..., Bench], hashes: dict[str, str], template: str
) -> None:
    campaign = bench(trials=2)
    stop_after(campaign, 1)
    with campaign.ledger.session() as session:
        row = session.scalars(select(m.Candidate).where(m.Candidate.number == 1)).one()
        candidate = Candidate.model_validate(row.spec).with_(template=template)
        row.spec, row.key = candidate.model_dump(mode="json"), candidate.key
    driver = campaign.run()
    assert f"is of the template {template}, and its campaign of moe4" in (
        driver.stopping.fault or ""
    )


def test_an_altered_spec_is_not_trained_and_what_runs_beside_it_ends_well(
    bench: Callable[..., Bench], hashes: dict[str, str]
) -> None:
    campaign = bench(trials=3)
    stop_after(campaign, 1)
    with campaign.ledger.session() as session:
        row = session.scalars(select(m.Candidate).where(m.Candidate.number == 1)).one()
        row.spec = {**row.spec, "recipe": {**row.spec["recipe"], "lr": 0.5}}
    driver = campaign.run()
    assert "candidates 2: its key is" in (driver.stopping.fault or "")
    assert campaign.outcomes() == [(0, "ok"), (1, None)]
    assert campaign.attempts() == ["ok", "interrupted"]
    assert campaign.ledger.campaign("c").state == "stopped"
