"""What every executor owes its driver, as a class of tests that each inherits."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from scripted_driver import CHECK, ScriptedDriver, offspring, workers

from nas.execute import Executor
from nas.execute.placing import PATIENCE, Placing, sixteenths
from nas.schema import Epoch, Outcome, Status


class ExecutorContract:
    """Inherit it, and say how to make one."""

    def make(self, workers: int = 1, gpus: int = 0) -> Executor:
        raise NotImplementedError

    def leftovers(self) -> set[int]:
        """Processes that only a run has."""
        return offspring()

    @pytest.fixture(autouse=True)
    def _leaves_nothing(self) -> Iterator[None]:
        before = self.leftovers()
        yield
        assert self.leftovers() <= before

    def test_every_trial_is_done_exactly_once_and_in_order(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["ok 2", "ok 1", "ok 3"], tmp_path)
        self.make().run(driver)
        assert driver.events == [
            (what, attempt) for attempt in (1, 2, 3) for what in ("next", "started", "done")
        ]
        assert driver.statuses == [Status.OK] * 3
        assert {a: [e.epoch for e in es] for a, es in driver.epochs.items()} == {
            1: [1, 2],
            2: [1],
            3: [1, 2, 3],
        }
        assert driver.epochs[3][2].peak_memory_bytes == 3000  # nothing lost on the way
        assert driver.ticks

    def test_no_trials_at_all(self, tmp_path: Path) -> None:
        driver = ScriptedDriver([], tmp_path)
        self.make().run(driver)
        assert driver.events == []

    def test_waits_when_reported_to(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["ok", "ok"], tmp_path)
        driver.waits = 3
        self.make().run(driver)
        assert driver.statuses == [Status.OK] * 2

    def test_a_stopped_trial_ends_there_and_frees_its_worker(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["endless", "ok 1"], tmp_path, stop_at=3)
        self.make().run(driver)
        assert driver.stopped == {1}
        assert [epoch.epoch for epoch in driver.epochs[1]] == [1, 2, 3]
        assert (tmp_path / "closed-1").exists()  # its generator was closed, not dropped
        assert driver.statuses == [Status.OK]

    def test_what_fails_is_an_outcome_and_the_next_runs(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["throw", "oom", "silent", "ok"], tmp_path)
        self.make().run(driver)
        assert driver.statuses == [Status.CRASH, Status.OOM, Status.CRASH, Status.OK]
        assert driver.outcomes[1].message == "ValueError: as told"
        assert "fake_evaluate.py" in driver.outcomes[1].detail  # its traceback
        assert driver.outcomes[2].message == "CUDA out of memory"  # its own words
        assert driver.outcomes[3].message == "ended without an outcome"
        assert driver.outcomes[3].epochs == 1

    def test_output_of_any_size_passes(self, tmp_path: Path) -> None:
        size = 3_000_000
        driver = ScriptedDriver([f"huge {size}", "ok"], tmp_path)
        self.make().run(driver)
        assert driver.statuses == [Status.OK] * 2
        assert len(driver.outcomes[1].detail) == size

    def test_an_abort_between_epochs_is_reported_as_interrupted(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["endless", "ok"], tmp_path)
        driver.abort_when = lambda d: len(d.epochs.get(1, [])) >= 2
        self.make().run(driver)
        assert driver.outcomes[1].status is Status.INTERRUPTED
        assert driver.outcomes[1].stage == "worker"
        assert driver.outcomes[1].epochs >= 2
        assert ("next", 2) not in driver.events

    def test_what_the_driver_raises_comes_out_as_it_is(self, tmp_path: Path) -> None:
        class Full(Exception):  # noqa: N818
            pass

        def refuse(attempt: int, outcome: Outcome) -> None:
            raise Full("disk full")

        driver = ScriptedDriver(["ok", "endless"], tmp_path)
        driver.done = refuse  # type: ignore[method-assign]
        with pytest.raises(Full, match="disk full"):
            self.make().run(driver)


class ProcessContract(ExecutorContract):
    """What those owe that have workers of their own."""

    def test_a_second_worker_runs_at_the_same_time(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["meet a b", "meet b a", "ok", "ok", "ok"], tmp_path)
        self.make(workers=2).run(driver)
        assert driver.statuses == [Status.OK] * 5
        assert driver.most == 2

    def test_a_worker_is_used_again_and_has_one_thread(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["ok", "oom", "throw", "ok", "ok"], tmp_path)
        self.make().run(driver)
        messages = {driver.outcomes[attempt].message for attempt in (1, 4, 5)}
        assert len(messages) == 1  # the same process each time
        (line,) = messages
        assert line.endswith("device= threads=1")
        assert f"pid={psutil.Process().pid} " not in line

    def test_a_worker_whose_cuda_is_broken_is_not_used_again(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["spoil", "ok"], tmp_path)
        self.make().run(driver)
        assert driver.statuses == [Status.CRASH, Status.OK]
        pid = driver.outcomes[1].message.split()[-1]
        assert f"pid={pid} " not in driver.outcomes[2].message

    def test_a_worker_may_have_children(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["parent"], tmp_path)
        self.make().run(driver)
        assert driver.outcomes[1].message == "exitcode=0", driver.outcomes[1]

    def test_a_worker_that_grows_is_replaced(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["grow 1", "grow 40", "grow 40", "grow 1"], tmp_path)
        executor = self.make()
        executor.growth_bytes = 60 * 2**20
        executor.run(driver)
        first, second, third, fourth = (driver.outcomes[a].message for a in range(1, 5))
        assert first == second == third  # grown by 40 MB, then by 80
        assert third != fourth

    def test_a_worker_can_end_its_own_children(self, tmp_path: Path) -> None:
        """SIGTERM ends it, as multiprocessing ends a pool, although the worker ignores it."""
        driver = ScriptedDriver(["terminate"], tmp_path)
        self.make().run(driver)
        assert driver.outcomes[1].message == "[-15, -15]", driver.outcomes[1]

    @pytest.mark.proof
    def test_deaths_are_outcomes_and_the_next_runs(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["segv", "ok", "leave 139", "kill", "quit_python", "ok"], tmp_path)
        self.make().run(driver)
        segv, first, left, killed, quit_python, last = (driver.outcomes[a] for a in range(1, 7))
        assert segv.status is Status.CRASH
        assert "SIGSEGV" in segv.message
        assert "fake_evaluate.py" in segv.detail  # faulthandler's stack
        assert segv.epochs == 1
        assert segv.peak_memory_bytes == 1000
        assert left.status in (Status.CRASH, Status.KILLED)  # Ray does not tell
        assert killed.status is Status.KILLED
        assert quit_python.status is Status.CRASH
        assert quit_python.message == "SystemExit: 3"
        assert first.status is last.status is Status.OK

    @pytest.mark.proof
    def test_a_hang_is_killed_after_its_limit(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["sleep", "hold_gil", "ok"], tmp_path)
        driver.limit(1.0, 1, 2)
        executor = self.make()
        executor.GRACE = 0.5
        executor.run(driver)
        assert driver.statuses == [Status.TIMEOUT, Status.TIMEOUT, Status.OK]
        assert "time limit of 1 s" in driver.outcomes[1].message
        assert driver.outcomes[1].epochs == 1
        assert driver.outcomes[1].seconds >= 1.5  # limit and grace
        assert len(driver.ticks) >= 4  # the driver was not forgotten meanwhile

    def test_time_in_which_the_driver_was_held_up_is_nobody_s(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["ok 3"], tmp_path, time_limit=1.5)
        driver.holds_up = 3.0
        executor = self.make()
        executor.GRACE = 0.5
        executor.run(driver)
        assert driver.statuses == [Status.OK]
        assert len(driver.epochs[1]) == 3

    @pytest.mark.proof
    def test_a_process_that_is_stopped_goes_on_once_and_then_is_killed(
        self, tmp_path: Path
    ) -> None:
        driver = ScriptedDriver(["halt 1", "halt 1000", "ok"], tmp_path)
        driver.limit(2.0, 1)
        driver.limit(0.5, 2)
        executor = self.make()
        executor.GRACE = 0.5
        executor.run(driver)
        assert driver.statuses == [Status.OK, Status.TIMEOUT, Status.OK]

    def test_an_abort_kills_what_hangs(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["sleep", "hold_gil", "ok"], tmp_path)
        driver.abort_when = lambda d: len(d.epochs) == 2
        self.make(workers=2).run(driver)
        assert driver.statuses == [Status.INTERRUPTED] * 2
        assert {outcome.stage for outcome in driver.outcomes.values()} == {"worker"}
        assert ("next", 3) not in driver.events

    def test_an_abort_while_there_is_nothing_to_do(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["ok"], tmp_path)
        driver.waits = 10**9
        driver.abort_when = lambda d: len(d.ticks) >= 2
        self.make().run(driver)
        assert driver.events == []

    def test_mixed_shares_take_turns_on_one_gpu(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Later trials overtake a waiting one seven times at most, and what has room waits only
        where the GPU is drained for an earlier one."""
        overtaken: Counter[int] = Counter()
        order: list[int] = []

        def place(line: Placing, most: float) -> list[tuple[int, int]]:
            placed = Placing.place(line, most)
            for trial, _ in placed:
                order.append(trial)
                overtaken.update(earlier for earlier in line.waiting if earlier < trial)
            running = sum(line.gpu_of(trial) == 0 for trial in order)
            assert running <= 4
            for trial in line.waiting:
                fits = sixteenths(shares[trial - 1]) <= line.free(0)
                assert line.draining(0) or running == 4 or not fits
            return placed

        monkeypatch.setattr("nas.execute.dispatch.Placing", type("_", (Placing,), {"place": place}))
        shares = [1 / 4, 1 / 4, 1 / 2, None, *[1 / 4] * 9, 1.0, 1 / 2, *[1 / 16] * 3, 1.0, 1 / 8]
        driver = ScriptedDriver(["share"] * len(shares), tmp_path, device="cuda")
        for index, (trial, share) in enumerate(zip(driver.trials, shares, strict=True)):
            driver.trials[index] = trial.with_(memory_fraction=share)
        self.make(workers=4, gpus=1).run(driver)
        assert driver.statuses == [Status.OK] * len(shares)
        assert sorted(order) == list(range(1, len(shares) + 1))
        assert max(overtaken.values(), default=0) <= PATIENCE

    def test_those_that_wait_for_a_gpu_keep_no_worker_from_others(self, tmp_path: Path) -> None:
        """The second wants it whole. The first, a small one, ends only when a third has come
        beside it."""
        driver = ScriptedDriver(["meet a b", "ok", "meet b a"], tmp_path, device="cuda")
        for index in (0, 2):
            driver.trials[index] = driver.trials[index].with_(memory_fraction=1 / 16)
        self.make(workers=2, gpus=1).run(driver)
        assert driver.statuses == [Status.OK] * 3, driver.outcomes
        assert driver.most <= 2

    def test_a_dead_gpu_is_retired_and_its_trials_go_to_another(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "good,dead,dead silent")
        driver = ScriptedDriver(["use"] * 6, tmp_path, device="cuda", memory_fraction=0.5)
        executor = self.make(workers=3, gpus=3)
        executor.CHECK = CHECK
        executor.run(driver)
        assert driver.statuses == [Status.OK] * 6
        assert {outcome.message for outcome in driver.outcomes.values()} == {"device=good"}
        assert dict(driver.retirements) == {
            1: "the GPU does not work: dead is dead",
            2: "the GPU does not work: in its check, the process exited with code 1 before an"
            " outcome",
        }

    @pytest.mark.parametrize("deed", ["sleep", "hold_gil", "throw", "silent", "leave 1"])
    def test_whatever_way_a_trial_ends_badly_its_gpu_is_queried(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deed: str
    ) -> None:
        """A lost GPU may answer no call at all."""
        executor = self.make(workers=2, gpus=2)
        executor.GRACE, executor.CHECK = 0.5, CHECK

        class Patient(ScriptedDriver):
            def retired(self, gpu: int, why: str) -> None:
                super().retired(gpu, why)
                executor.GRACE = 60.0  # what hung ends well elsewhere

        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "dead,good")
        driver = Patient([f"only {deed}"] * 2, tmp_path, device="cuda")
        if deed in ("sleep", "hold_gil"):
            driver.limit(1.0, 1)
        executor.run(driver)
        assert driver.statuses == [Status.OK] * 2, driver.outcomes
        assert all("device=good" in outcome.message for outcome in driver.outcomes.values())
        assert dict(driver.retirements) == {0: "the GPU does not work: dead is dead"}

    def test_on_a_gpu_that_works_it_is_the_trials_own_end(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "good")
        scripts = ["sleep", "throw", "silent", "ok"]
        driver = ScriptedDriver(scripts, tmp_path, device="cuda")
        driver.limit(1.0, 1)
        executor = self.make(gpus=1)
        executor.GRACE, executor.CHECK = 0.5, CHECK
        executor.run(driver)
        assert driver.statuses == [Status.TIMEOUT, Status.CRASH, Status.CRASH, Status.OK]
        assert "time limit of 1 s" in driver.outcomes[1].message
        assert driver.outcomes[1].epochs == 1
        assert driver.outcomes[2].message == "ValueError: as told"
        assert driver.retirements == []

    def test_idle_workers_leave_a_gpu_that_is_wanted_whole(self, tmp_path: Path) -> None:
        """Each would keep its CUDA context there."""
        alive: list[int] = []

        class Watching(ScriptedDriver):
            def started(self, attempt: int) -> None:
                if attempt == 3:
                    alive.append(len(workers()))
                super().started(attempt)

        driver = Watching(["meet a b", "meet b a", "ok"], tmp_path, device="cuda")
        for index in (0, 1):
            driver.trials[index] = driver.trials[index].with_(memory_fraction=0.25)
        self.make(workers=2, gpus=1).run(driver)
        assert driver.statuses == [Status.OK] * 3
        assert alive == [1]

    def test_a_stop_ends_what_waits_for_a_gpu(self, tmp_path: Path) -> None:
        class Stopping(ScriptedDriver):
            def epoch(self, attempt: int, epoch: Epoch) -> bool:
                more = super().epoch(attempt, epoch)
                if ("next", 2) in self.events:
                    Path(self.stop_file).touch()
                return more and 2 not in self.outcomes

        driver = Stopping(["endless", "ok"], tmp_path, device="cuda")
        driver.stop_file = driver.trials[0].stop_file
        self.make(workers=2, gpus=1).run(driver)
        assert driver.outcomes[2].status is Status.INTERRUPTED
        assert ("started", 2) not in driver.events
