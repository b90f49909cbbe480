"""The driver: what it starts, what it records, what it tries again."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from campaign_bench import Bench, ending, epoch, ok, scripts, small_space

from nas.campaign.stopping import SPENT
from nas.execute import Idle
from nas.schema import DEVICE, Epoch, Outcome, Status, Trial
from nas.schema.stop import Stop, StopReason

Make = Callable[..., Bench]


HALT = Stop(StopReason.SIGNAL, "test")


def test_every_candidate_gets_one_result_and_its_epochs(bench: Make) -> None:
    campaign = bench(trials=5)
    campaign.run()
    assert campaign.outcomes() == [(n, "ok") for n in range(5)]
    assert campaign.attempts() == ["ok"] * 5
    assert len(campaign.ledger.epochs("c")) == 5 * campaign.space.recipe.epochs
    assert len({trial.candidate.key for trial in campaign.trials}) == 5
    assert len({trial.folder for trial in campaign.trials}) == 5


def test_an_exhausted_space_ends_the_campaign(bench: Make) -> None:
    campaign = bench(trials=None, space=small_space(families=3, k=2))
    campaign.run()
    assert len(campaign.outcomes()) == 3 * 2  # three pairs of families, two ways of mixing


def test_controls_follow_the_successes_that_need_them(bench: Make) -> None:
    campaign = bench(trials=3, controls=True)
    campaign.run()
    members = {pick for t in campaign.trials for pick in t.candidate.assignment.picks}
    controls = [t.candidate for t in campaign.trials if t.candidate.template == "single"]
    assert {c.assignment.picks[0] for c in controls} == members
    assert len(controls) == len(members)
    assert all(c.recipe == campaign.space.recipe for c in controls)
    assert {o for _, o in campaign.outcomes("control")} == {"ok"}


def test_failures_are_final_and_the_campaign_goes_on(bench: Make) -> None:
    campaign = bench(trials=4)
    statuses = [Status.CRASH, Status.NAN, Status.TIMEOUT, Status.INVALID]
    campaign.run(scripts(*(ending(status, stage="train") for status in statuses)))
    assert [outcome for _, outcome in campaign.outcomes()] == [str(s) for s in statuses]
    assert len(campaign.attempts()) == 4


def test_out_of_memory_is_tried_again_at_half_the_batch_once(bench: Make) -> None:
    campaign = bench(trials=2)
    oom = ending(Status.OOM)
    campaign.run(scripts(oom, ok, oom, oom))
    assert campaign.attempts() == ["oom", "ok", "oom", "oom"]
    assert [trial.micro_batches for trial in campaign.trials] == [1, 2, 1, 2]
    assert campaign.outcomes() == [(0, "ok"), (1, "oom")]


def test_a_death_is_retried_and_the_retries_are_capped(bench: Make) -> None:
    campaign = bench(trials=1, max_deaths=2)
    campaign.run(ending(Status.KILLED, stage="worker"))
    assert campaign.attempts() == ["killed"] * 3
    assert campaign.outcomes() == [(0, "killed")]


def test_what_does_not_fit_is_refused_with_its_figures(bench: Make) -> None:
    campaign = bench(trials=2)
    campaign.run(driver=campaign.drive(memory_bytes=3 * 2**30, device_bytes=2**30))
    assert campaign.trials == []  # no worker ever saw them
    assert campaign.outcomes() == [(0, "invalid"), (1, "invalid")]
    row = campaign.ledger.attempts("c").iloc[0]
    assert "3.0 GiB of 1.0 GiB" in row["message"]
    assert row["memory_bytes"] == 3 * 2**30


def test_a_budget_stops_new_trials_and_interrupts_running_ones(bench: Make) -> None:
    campaign = bench(trials=None, budget_seconds=1e-9)
    driver = campaign.drive()
    trial = driver.next()
    assert isinstance(trial, Trial)
    driver.started(trial.attempt)
    driver.tick()
    assert driver.stopping.stop == SPENT
    assert Path(trial.stop_file).exists()
    assert driver.epoch(trial.attempt, epoch(1))
    driver.done(trial.attempt, Outcome(status=Status.INTERRUPTED, epochs=1))
    assert driver.next() is Idle.DONE
    driver.close()
    assert not Path(trial.stop_file).exists()
    assert campaign.outcomes() == [(0, None)]


def test_an_interrupted_candidate_goes_on_from_its_checkpoint_first(bench: Make) -> None:
    campaign = bench(trials=2)

    def interrupted(trial: Trial) -> Iterator[Epoch | Outcome]:
        driver.stop(HALT)
        yield epoch(1)
        folder = Path(trial.folder)
        folder.mkdir(parents=True)
        (folder / "checkpoint.pt").touch()
        (folder / ".0a1b.part").touch()  # of a checkpoint that was never whole
        yield Outcome(status=Status.INTERRUPTED, epochs=1)

    driver = campaign.drive()
    campaign.run(interrupted, driver)
    first = campaign.trials[0]
    later = campaign.drive()
    resumed = later.next()
    assert isinstance(resumed, Trial)
    assert [path.name for path in Path(first.folder).iterdir()] == ["checkpoint.pt"]
    later.close()
    campaign.run()
    second = campaign.trials[1]
    assert second.candidate.key == first.candidate.key
    assert second.attempt != first.attempt
    assert second.resume_from == f"{first.folder}/checkpoint.pt"
    assert campaign.outcomes() == [(0, "ok"), (1, "ok")]
    assert not Path(first.folder).exists()  # the checkpoint has served


@pytest.mark.parametrize("stage", ["worker", "save"])
def test_a_checkpoint_that_was_never_written_is_not_missed(stage: str, bench: Make) -> None:
    """Of an attempt that a second Ctrl-C killed, or that found the disk full."""
    campaign = bench(trials=1)
    first = campaign.drive()

    def interrupted(trial: Trial) -> Iterator[Epoch | Outcome]:
        first.stop(HALT)
        yield epoch(1)
        yield Outcome(status=Status.INTERRUPTED, epochs=1, stage=stage)

    campaign.run(interrupted, first)
    campaign.run()
    assert campaign.trials[1].resume_from is None
    assert campaign.outcomes() == [(0, "ok")]


@pytest.mark.parametrize("what", ["gone", "a link", "a pipe", "behind a link"])
def test_a_checkpoint_that_is_no_file_stops_no_campaign_and_is_left_to_the_worker(
    what: str, bench: Make, tmp_path: Path
) -> None:
    campaign = bench(trials=1)
    first = campaign.drive()

    def interrupted(trial: Trial) -> Iterator[Epoch | Outcome]:
        first.stop(HALT)
        yield epoch(1)
        yield Outcome(status=Status.INTERRUPTED, epochs=1)

    campaign.run(interrupted, first)
    folder = Path(campaign.trials[0].folder)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / ".0a1b.part").touch()
    folder.parent.mkdir(parents=True)
    if what == "behind a link":
        folder.symlink_to(outside)
    else:
        folder.mkdir()
    if what == "a link":
        (folder / "checkpoint.pt").symlink_to(outside / ".0a1b.part")
    if what == "a pipe":
        os.mkfifo(folder / "checkpoint.pt")
    campaign.run()
    assert campaign.trials[1].resume_from == f"{folder}/checkpoint.pt"
    assert campaign.outcomes() == [(0, "ok")]
    assert [path.name for path in outside.iterdir()] == [".0a1b.part"]


def test_early_stopping_prunes_the_worse_and_remembers_the_rung(bench: Make) -> None:
    campaign = bench(trials=3, scheduler="asha", space=small_space(epochs=5))
    values = iter([0.5, 0.4, 0.6])
    campaign.run(lambda trial: ok(trial, next(values)))
    assert [o for _, o in campaign.outcomes()] == ["ok", "pruned", "ok"]
    pruned = campaign.ledger.attempts("c").query("outcome == 'pruned'").iloc[0]
    assert (pruned["epochs"], pruned["rung"], pruned["val_acc"]) == (1, 0, 0.4)
    # A new driver finds the rungs in the ledger: a fourth, poor candidate is pruned at once.
    campaign.config = campaign.config.with_(trials=4)
    campaign.run(lambda trial: ok(trial, 0.1))
    assert campaign.outcomes()[-1] == (3, "pruned")


def test_a_family_that_keeps_failing_is_benched_visibly(bench: Make) -> None:
    campaign = bench(trials=12, bench_after=3)

    def script(trial: Trial) -> Iterator[Epoch | Outcome]:
        bad = "f0" in trial.candidate.families
        return (ending(Status.CRASH, stage="train") if bad else ok)(trial)

    campaign.run(script)
    with_f0 = [t for t in campaign.trials if "f0" in t.candidate.families]
    assert len(with_f0) == 3
    assert any("f0 is benched" in line for line in campaign.messages)
    assert list(campaign.ledger.events("c")["kind"]) == ["phase", "benched"]


def test_a_campaign_without_families_left_stops_and_can_go_on(bench: Make) -> None:
    campaign = bench(trials=100, bench_after=2)
    driver = campaign.run(ending(Status.TIMEOUT))
    assert "too few families are left" in str(driver.stopping.stop)
    assert campaign.ledger.campaign("c").state == "stopped"
    assert 0 < len(campaign.outcomes()) < 100
    again = campaign.drive()
    assert list(campaign.ledger.events("c")["family"]) == sorted(
        set(campaign.ledger.events("c")["family"]),
        key=list(campaign.ledger.events("c")["family"]).index,
    )
    assert again.next() is Idle.DONE  # and benches no family again
    campaign.config = campaign.config.with_(trials=40, bench_after=99)
    campaign.run()
    assert len(campaign.outcomes()) == 30  # 15 pairs of 6 families, two ways of mixing: all


def test_a_trial_whose_lease_was_lost_is_stopped_at_its_epoch(bench: Make) -> None:
    campaign = bench(trials=1)
    slept = campaign.drive()
    slept.store.lease_seconds = -1.0
    trial = slept.next()
    assert isinstance(trial, Trial)
    slept.started(trial.attempt)
    campaign.run()
    assert not slept.epoch(trial.attempt, epoch(1))
    assert campaign.outcomes() == [(0, "ok")]


@pytest.mark.parametrize(("scheduler", "rungs"), [("asha", (1, 3)), ("fifo", ())])
def test_a_trial_knows_where_its_validation_decides(
    scheduler: str, rungs: tuple[int, ...], bench: Make
) -> None:
    campaign = bench(trials=1, scheduler=scheduler, space=small_space(epochs=5))
    campaign.run(ok)
    assert campaign.trials[-1].rungs == rungs


def test_a_rung_stays_decided_when_a_trial_is_resumed(bench: Make) -> None:
    campaign = bench(trials=2, scheduler="asha", space=small_space(epochs=5))
    gone = campaign.drive()
    gone.store.lease_seconds = -1.0
    first = gone.next()
    assert isinstance(first, Trial)
    gone.started(first.attempt)
    assert gone.epoch(first.attempt, epoch(1, 0.2))  # the first at its rung goes on
    values = {first.candidate.key: 0.2}
    campaign.run(lambda trial: ok(trial, values.get(trial.candidate.key, 0.9)))
    assert campaign.outcomes() == [(0, "ok"), (1, "ok")]


def test_a_locked_ledger_is_waited_for_until_the_second_interrupt(bench: Make) -> None:
    driver = bench().drive()
    messages: list[str] = []
    driver.on_message = driver.stopping.on_message = messages.append
    assert all(driver.wait_for_ledger(seconds) for seconds in (1.0, 6.0, 7.0))
    assert len(messages) == 1
    assert "locked" in messages[0]
    driver.stopping.interrupt("SIGINT")
    assert driver.wait_for_ledger(8.0)  # it ends cleanly, as soon as it may
    driver.stopping.abort = True
    assert not driver.wait_for_ledger(9.0)
    assert len(messages) == 1


def test_candidates_wait_for_memory_beside_each_other(bench: Make) -> None:
    campaign = bench(trials=2)
    driver = campaign.drive(memory_bytes=60, device_bytes=100)
    first = driver.next()
    assert isinstance(first, Trial)
    assert driver.next() is Idle.WAIT
    driver.started(first.attempt)
    driver.done(first.attempt, Outcome(status=Status.OK, val_acc=0.5))
    assert isinstance(driver.next(), Trial)


def test_the_data_set_takes_its_part_of_the_device(bench: Make, tmp_path: Path) -> None:
    gib = 2**30
    shares = []
    for data_bytes in (0, gib):
        campaign = Bench(tmp_path / str(data_bytes), gpus=1)
        driver = campaign.drive(memory_bytes=gib, device_bytes=8 * gib, data_bytes=data_bytes)
        trial = driver.next()
        assert isinstance(trial, Trial)
        shares.append(trial.memory_fraction)
    assert shares == [0.25, 0.5]
    campaign = bench(trials=1)
    campaign.run(driver=campaign.drive(memory_bytes=60, device_bytes=100, data_bytes=50))
    assert campaign.outcomes() == [(0, "invalid")]


def test_confirming_costs_the_search_no_budget(bench: Make) -> None:
    from nas.schema import Role

    campaign = bench(trials=1)
    campaign.run()
    before = campaign.ledger.campaign("c").worked_seconds
    driver = campaign.drive(only=Role.CONFIRM)
    leader = driver.store.leaders(1)[0]
    again = leader.candidate.with_replicate(1)
    driver.store.plan(Role.CONFIRM, [driver.proposer.ready(again)])
    campaign.run(driver=driver)
    assert campaign.outcomes("confirm") == [(0, "ok")]
    assert campaign.ledger.campaign("c").worked_seconds == before


def test_a_gpu_that_is_retired_is_reported_and_noted(bench: Make) -> None:
    campaign = bench(trials=1)
    driver = campaign.drive()
    driver.retired(1, "the GPU does not work: CUDA error")
    assert campaign.messages[-1] == "GPU 1 is no longer used: the GPU does not work: CUDA error"
    assert driver.store.events("retired") == [
        {"gpu": 1, "why": "the GPU does not work: CUDA error"}
    ]


@pytest.mark.parametrize("stage", ["data", DEVICE])
def test_a_fault_of_the_machine_stops_the_campaign_and_blames_no_candidate(
    bench: Make, stage: str
) -> None:
    campaign = bench(trials=3)
    broken = ending(Status.CRASH, stage=stage)
    driver = campaign.run(broken)
    assert driver.stopping.fault == "scripted"
    assert campaign.outcomes() == [(0, None)]
    campaign.run()
    assert campaign.outcomes() == [(n, "ok") for n in range(3)]


def test_working_time_adds_up_over_drivers(bench: Make) -> None:
    campaign = bench(trials=2)
    campaign.run()
    first = campaign.ledger.campaign("c").worked_seconds
    campaign.config = campaign.config.with_(trials=4)
    campaign.run()
    assert campaign.ledger.campaign("c").worked_seconds > first > 0
