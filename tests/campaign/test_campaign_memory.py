"""Memory that a candidate needs, and memory that others hold, over a scripted executor."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from campaign_bench import Bench, ending, ok, scripts
from reported_memory import ReportedMemory

from nas.campaign.backoff import GIVE_UP_SECONDS, MAX_WAITING, Backoff
from nas.campaign.driver import CampaignDriver
from nas.execute import Idle
from nas.hardware import GpuMemory
from nas.results.aggregates import ended
from nas.schema import CROWDED, MEMORY_OF_OTHERS, Epoch, Outcome, Status, Trial

GIB = 2**30
TOTAL = 64 * GIB
OOM = ending(Status.OOM, stage="train")

Make = Callable[..., Bench]


def held(by_others: int, ours: int | None = 0) -> GpuMemory:
    """The memory of a GPU of which others hold so many bytes."""
    return GpuMemory(TOTAL, TOTAL - by_others, ours)


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The clock of what waits: `now[0]` seconds."""
    time = [0.0]
    monkeypatch.setattr(Backoff.__init__, "__defaults__", (lambda: time[0],))
    return time


def play(
    driver: CampaignDriver, now: list[float], script: Any, *, most: float = 1e9
) -> list[tuple[float, Trial]]:
    """Runs a driver to its end, letting time pass where it waits; when each trial began."""
    started = []
    while (given := driver.next()) is not Idle.DONE:
        if given is Idle.WAIT:
            now[0] += 1.0
            if now[0] > most:
                break
            continue
        assert isinstance(given, Trial)
        started.append((now[0], given))
        driver.started(given.attempt)
        for event in script(given):
            if isinstance(event, Outcome):
                driver.done(given.attempt, event)
            else:
                assert driver.epoch(given.attempt, event)
    return started


class TestTooLarge:
    """The candidate's own need: more of the GPU first, and half batches on a whole one alone."""

    def test_it_is_given_more_before_its_batch_is_split(self, bench: Make) -> None:
        campaign = bench(trials=1, gpus=1)
        campaign.run(OOM, campaign.drive(memory_bytes=10 * GIB, device_bytes=TOTAL))
        tried = campaign.ledger.attempts("c")
        assert tried["memory_fraction"].tolist() == [0.25, 0.5, 1.0, 1.0]
        assert tried["micro_batches"].tolist() == [1, 1, 1, 2]
        assert tried["outcome"].tolist() == ["oom"] * 4
        assert campaign.outcomes() == [(0, "oom")]

    def test_it_keeps_its_batch_where_the_next_share_is_enough(self, bench: Make) -> None:
        campaign = bench(trials=2, gpus=1)
        campaign.run(
            scripts(OOM, ok, ok), campaign.drive(memory_bytes=10 * GIB, device_bytes=TOTAL)
        )
        assert [(t.memory_fraction, t.micro_batches) for t in campaign.trials] == [
            (0.25, 1),
            (0.5, 1),
            (0.25, 1),
        ]
        assert campaign.outcomes() == [(0, "ok"), (1, "ok")]
        assert any("(retried with more of the GPU)" in line for line in campaign.messages)

    def test_without_an_estimate_it_has_the_whole_gpu_already(self, bench: Make) -> None:
        campaign = bench(trials=1, gpus=1)
        driver = campaign.drive(memory_bytes=60 * GIB, device_bytes=TOTAL)
        campaign.run(scripts(OOM, ok), driver)
        assert [(t.memory_fraction, t.micro_batches) for t in campaign.trials] == [(1, 1), (1, 2)]

    def test_another_driver_knows_what_was_too_small(self, bench: Make) -> None:
        campaign = bench(trials=1, gpus=1)
        gone = campaign.drive(memory_bytes=10 * GIB, device_bytes=TOTAL)
        first = gone.next()
        assert isinstance(first, Trial)
        gone.done(first.attempt, Outcome(status=Status.OOM, stage="train"))
        gone.close()
        campaign.run(ok, campaign.drive(memory_bytes=10 * GIB, device_bytes=TOTAL))
        assert [trial.memory_fraction for trial in campaign.trials] == [0.5]


class TestMemoryOfOthers:
    @pytest.mark.parametrize("stage", MEMORY_OF_OTHERS)
    @pytest.mark.parametrize("gpus", [0, 1])
    def test_it_is_waited_for_and_counts_against_nobody(
        self, bench: Make, now: list[float], stage: str, gpus: int
    ) -> None:
        campaign = bench(trials=2, gpus=gpus, bench_after=1, max_deaths=0)
        busy = ending(Status.OOM, stage=stage)

        def script(trial: Trial) -> Iterator[Epoch | Outcome]:
            return (busy if now[0] < 65 else ok)(trial)

        driver = campaign.drive(device_bytes=TOTAL)
        started = play(driver, now, script)
        driver.close()
        assert campaign.outcomes() == [(0, "ok"), (1, "ok")]
        assert all(trial.micro_batches == 1 for _, trial in started)
        assert len({trial.memory_fraction for _, trial in started}) == 1
        assert not any("benched" in line for line in campaign.messages)
        waits = [
            line
            for line in campaign.messages
            if "waits for memory that other programs hold" in line
        ]
        assert "next attempt in 10 s" in waits[0]
        assert driver.stopping.fault is None
        # They are in the ledger, and no analysis takes them for failures.
        attempts = campaign.ledger.attempts("c")
        assert attempts["stage"].tolist().count(stage) == len(waits)
        assert ended(attempts)["outcome"].tolist() == ["ok", "ok"]

    def test_each_try_is_twice_as_long_after_the_last(self, bench: Make, now: list[float]) -> None:
        campaign = bench(trials=1, gpus=1)
        started = play(
            campaign.drive(device_bytes=TOTAL), now, ending(Status.OOM, stage="start"), most=1300
        )
        assert [time for time, _ in started] == [0, 10, 30, 70, 150, 310, 610, 910, 1210]
        assert campaign.outcomes() == [(0, None)]

    def test_where_nothing_can_begin_nothing_else_is_tried(
        self, bench: Make, now: list[float]
    ) -> None:
        campaign = bench(trials=50, gpus=1)
        started = play(
            campaign.drive(device_bytes=TOTAL), now, ending(Status.OOM, stage="data"), most=100
        )
        assert len({trial.candidate.key for _, trial in started}) < 5

    @pytest.mark.parametrize(
        ("retired", "times"), [(False, [0, 0, 0, 0, 10]), (True, [0, 10, 10, 10, 10])]
    )
    def test_while_there_is_another_gpu_other_candidates_go_on(
        self, bench: Make, now: list[float], retired: bool, times: list[float]
    ) -> None:
        """One GPU is full, which is no reason to leave the other idle."""
        campaign = bench(trials=4, gpus=2)
        full = list[str]()

        def script(trial: Trial) -> Iterator[Epoch | Outcome]:
            full.append(trial.candidate.key)
            return (ending(Status.OOM, stage="start") if len(full) == 1 else ok)(trial)

        driver = campaign.drive(device_bytes=TOTAL)
        if retired:
            driver.retired(1, "the GPU does not work")
        assert [time for time, _ in play(driver, now, script)] == times

    def test_after_an_hour_the_campaign_stops_and_says_why(
        self, bench: Make, now: list[float]
    ) -> None:
        campaign = bench(trials=3, gpus=1)
        driver = campaign.drive(device_bytes=TOTAL)
        play(driver, now, ending(Status.OOM, stage="start"))
        driver.close()
        assert GIVE_UP_SECONDS < now[0] < GIVE_UP_SECONDS + 301
        assert driver.stopping.fault == "other programs have held the memory for 60 minutes"
        assert campaign.outcomes()[0] == (0, None)  # a later run takes it up
        campaign.run(ok, campaign.drive(device_bytes=TOTAL))
        assert {outcome for _, outcome in campaign.outcomes()} == {"ok"}

    def test_one_that_is_crowded_out_holds_up_nobody(self, bench: Make, now: list[float]) -> None:
        campaign = bench(trials=4, gpus=1)
        first = list[str]()

        def script(trial: Trial) -> Iterator[Epoch | Outcome]:
            if not first:
                first.append(trial.candidate.key)
            crowded = trial.candidate.key == first[0] and now[0] < 5
            return (ending(Status.OOM, stage=CROWDED) if crowded else ok)(trial)

        started = play(campaign.drive(device_bytes=TOTAL), now, script)
        assert [time for time, _ in started] == [0, 0, 0, 0, 10]
        assert {outcome for _, outcome in campaign.outcomes()} == {"ok"}


class TestRoom:
    def test_what_has_no_room_now_is_not_tried_until_it_has(
        self, bench: Make, now: list[float]
    ) -> None:
        campaign = bench(trials=2, gpus=1)
        memory = ReportedMemory(held(50 * GIB))
        driver = campaign.drive(memory_bytes=20 * GIB, device_bytes=TOTAL, memory=memory)
        assert play(driver, now, ok, most=100) == []
        assert campaign.attempts() == []
        waits = [line for line in campaign.messages if "waits for memory" in line]
        # 20 GiB and half a GiB of context; 64 less 50.
        assert waits[0].endswith("needs 20.5 GiB of a GPU, 14.0 GiB are free")
        assert len(waits) == 2  # once for each
        memory.memory = (held(10 * GIB),)
        play(driver, now, ok)
        assert campaign.outcomes() == [(0, "ok"), (1, "ok")]

    def test_where_nobody_is_named_only_what_began_may_be_the_campaign_s(
        self, bench: Make, now: list[float]
    ) -> None:
        """As in a container: who holds the memory is not known."""
        campaign = bench(trials=1, gpus=1, workers=8)
        memory = ReportedMemory(held(60 * GIB, ours=None))
        driver = campaign.drive(memory_bytes=6 * GIB, device_bytes=TOTAL, memory=memory)
        assert play(driver, now, ok, most=100) == []  # eight processes might keep 8 GiB
        assert "4.0 GiB are free" in campaign.messages[-1]
        memory.memory = (held(50 * GIB, ours=None),)
        assert len(play(driver, now, ok)) == 1

    def test_only_so_many_wait(self, bench: Make, now: list[float]) -> None:
        campaign = bench(trials=None, gpus=1)
        memory = ReportedMemory(held(50 * GIB))
        driver = campaign.drive(memory_bytes=20 * GIB, device_bytes=TOTAL, memory=memory)
        play(driver, now, ok, most=100)
        assert len(campaign.outcomes()) == MAX_WAITING

    def test_a_gpu_that_was_retired_has_no_room(self, bench: Make, now: list[float]) -> None:
        campaign = bench(trials=1, gpus=2)
        memory = ReportedMemory(held(50 * GIB), held(0))
        driver = campaign.drive(memory_bytes=40 * GIB, device_bytes=TOTAL, memory=memory)
        driver.retired(1, "the GPU does not work")
        assert play(driver, now, ok, most=100) == []
        assert "are free" in campaign.messages[-1]
        memory.memory = (held(0), None)
        assert len(play(driver, now, ok)) == 1

    def test_what_is_larger_than_the_gpu_is_refused_whoever_holds_it(
        self, bench: Make, now: list[float]
    ) -> None:
        campaign = bench(trials=1, gpus=1)
        memory = ReportedMemory(held(50 * GIB))
        driver = campaign.drive(memory_bytes=70 * GIB, device_bytes=TOTAL, memory=memory)
        assert play(driver, now, ok) == []
        assert campaign.outcomes() == [(0, "invalid")]
