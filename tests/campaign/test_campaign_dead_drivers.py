"""Drivers that die or run in parallel: no result is lost, and no candidate is blamed."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from campaign_bench import Bench, ending, epoch, ok, scripts

from nas.execute import Idle
from nas.schema import Epoch, Outcome, Status, Trial

Make = Callable[..., Bench]


def test_a_driver_that_vanished_leaves_work_that_the_next_one_takes_up(bench: Make) -> None:
    campaign = bench(trials=3)
    gone = campaign.drive()
    gone.store.lease_seconds = -1.0  # its leases are over at once
    lost = gone.next()
    assert isinstance(lost, Trial)
    campaign.run()
    assert campaign.outcomes() == [(n, "ok") for n in range(3)]
    assert campaign.attempts() == ["killed", "ok", "ok", "ok"]
    # The old driver comes back to life: what it reports is dropped.
    gone.on_message = campaign.messages.append
    gone.done(lost.attempt, Outcome(status=Status.CRASH, message="late"))
    assert campaign.outcomes() == [(n, "ok") for n in range(3)]
    assert "another driver took this candidate over" in campaign.messages[-1]


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM attempts WHERE outcome IS NULL",
        "UPDATE attempts SET outcome = 'killed' WHERE outcome IS NULL",
    ],
)
@pytest.mark.parametrize("epochs", [0, 1])
def test_a_candidate_whose_attempt_another_program_spoilt_is_tried_again(
    epochs: int, change: str, bench: Make
) -> None:
    campaign = bench(trials=2)

    def spoilt(trial: Trial) -> Iterator[Epoch | Outcome]:
        with campaign.ledger.session() as session:
            session.connection().exec_driver_sql(change)
        if epochs:
            yield epoch(1)
        else:
            yield Outcome(status=Status.OK, val_acc=0.5)

    driver = campaign.run(scripts(ok, spoilt, ok))
    assert campaign.outcomes() == [(0, "ok"), (1, "ok")]
    assert driver.finished
    assert any("it will be retried" in line for line in campaign.messages)
    assert len(campaign.trials) == 3


def test_two_drivers_never_take_the_same_candidate(bench: Make) -> None:
    campaign = bench(trials=6)
    drivers = [campaign.drive(), campaign.drive()]
    trials = [driver.next() for _ in range(3) for driver in drivers]
    keys = {trial.candidate.key for trial in trials if isinstance(trial, Trial)}
    assert len(keys) == 6
    assert drivers[0].next() is Idle.WAIT
    for driver, trial in zip(drivers * 3, trials, strict=True):
        assert isinstance(trial, Trial)
        driver.done(trial.attempt, Outcome(status=Status.OK, val_acc=0.5))
    assert [driver.next() for driver in drivers] == [Idle.DONE, Idle.DONE]


def test_whoever_waits_for_another_driver_says_so_once(bench: Make) -> None:
    campaign = bench(trials=1)
    first, second = campaign.drive(), campaign.drive()
    trial = first.next()
    assert isinstance(trial, Trial)
    before = len(campaign.messages)
    assert [second.next() for _ in range(3)] == [Idle.WAIT] * 3
    [line] = campaign.messages[before:]
    assert "another driver's" in line
    first.done(trial.attempt, Outcome(status=Status.OK, val_acc=0.5))
    assert second.next() is Idle.DONE


def test_dead_drivers_end_no_candidate_and_bench_no_family(bench: Make) -> None:
    campaign = bench(trials=1, max_deaths=0, bench_after=1)
    for _ in range(6):
        gone = campaign.drive()
        gone.store.lease_seconds = -1.0
        trial = gone.next()
        assert isinstance(trial, Trial)
        gone.started(trial.attempt)  # and dies in its first epoch
        assert trial.checkpoint_first == (trial.attempt > 1)
    driver = campaign.run()
    assert campaign.outcomes() == [(0, "ok")]
    assert driver.store.events("benched") == []
    assert campaign.attempts() == ["killed"] * 6 + ["ok"]


def test_what_may_take_its_driver_with_it_runs_last_and_alone(bench: Make) -> None:
    campaign = bench(trials=3)
    for _ in range(2):
        gone = campaign.drive()
        gone.store.lease_seconds = -1.0
        suspect = gone.next()
        assert isinstance(suspect, Trial)
        gone.started(suspect.attempt)
    driver = campaign.drive()
    first, second = driver.next(), driver.next()
    assert isinstance(first, Trial)
    assert isinstance(second, Trial)
    assert suspect.candidate.key not in {first.candidate.key, second.candidate.key}
    assert driver.next() is Idle.WAIT  # for those two to end
    driver.started(first.attempt)
    driver.done(first.attempt, Outcome(status=Status.OK))
    assert driver.next() is Idle.WAIT
    driver.started(second.attempt)
    driver.done(second.attempt, Outcome(status=Status.OK))
    again = driver.next()
    assert isinstance(again, Trial)
    assert again.candidate.key == suspect.candidate.key
    assert "runs alone, because its driver died 2 times in the same epoch" in campaign.messages[-1]
    assert driver.next() is Idle.WAIT


def test_a_death_is_repeated_alone_before_it_tells_against_the_candidate(bench: Make) -> None:
    """A neighbour may have taken the memory that it died for want of."""
    campaign = bench(trials=4, max_deaths=1)
    driver = campaign.drive()
    first, second = driver.next(), driver.next()
    assert isinstance(first, Trial)
    assert isinstance(second, Trial)
    driver.started(first.attempt)
    driver.done(first.attempt, Outcome(status=Status.KILLED, stage="worker"))
    assert driver.next() is Idle.WAIT  # it waits for the second to end
    driver.started(second.attempt)
    driver.done(second.attempt, Outcome(status=Status.OK))
    again = driver.next()
    assert isinstance(again, Trial)
    assert again.candidate.key == first.candidate.key
    assert driver.next() is Idle.WAIT  # nothing beside it
    driver.started(again.attempt)
    driver.done(again.attempt, Outcome(status=Status.KILLED, stage="worker"))
    assert campaign.outcomes()[:2] == [(0, "killed"), (1, "ok")]
    third, fourth = driver.next(), driver.next()
    assert isinstance(third, Trial)
    assert isinstance(fourth, Trial)


def test_workers_that_cannot_start_are_the_campaign_s_fault(bench: Make) -> None:
    campaign = bench(trials=2, max_deaths=1)
    driver = campaign.run(ending(Status.KILLED, stage="start"))
    assert driver.stopping.fault == "scripted"
    assert campaign.outcomes() == [(0, None)]
    assert campaign.attempts() == ["killed"] * 2


def test_workers_that_could_not_start_convict_nobody_later(bench: Make) -> None:
    campaign = bench(trials=1, max_deaths=1)
    never_started = ending(Status.KILLED, stage="start")
    died = ending(Status.KILLED, stage="worker")
    for _ in range(2):
        assert campaign.run(scripts(never_started)).stopping.fault is not None
    campaign.run(scripts(never_started, died, ok))
    assert campaign.outcomes() == [(0, "ok")]
    assert campaign.ledger.candidates()["deaths"].tolist() == [1]


def test_folders_that_a_dead_driver_left_are_cleared(bench: Make) -> None:
    campaign = bench(trials=2)
    left = []
    for _ in range(2):
        gone = campaign.drive()
        gone.store.lease_seconds = -1.0
        trial = gone.next()
        assert isinstance(trial, Trial)
        Path(trial.folder).mkdir(parents=True)
        Path(trial.folder, "checkpoint.pt").touch()
        left.append(Path(trial.folder))
    campaign.run()
    assert campaign.outcomes() == [(0, "ok"), (1, "ok")]
    assert [folder for folder in left if folder.exists()] == []
    assert not list(campaign.ledger.files.glob("1/*"))
