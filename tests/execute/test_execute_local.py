"""LocalExecutor, beyond the contract."""

import pickle
from pathlib import Path

import pytest
from executor_contract import ProcessContract
from scripted_driver import CHECK, EVALUATE, ScriptedDriver

from nas.execute import Executor, trial_process
from nas.execute.executors.local import LocalExecutor
from nas.schema import DEVICE, Status
from nas.working_time import awake


class TestLocal(ProcessContract):
    def make(self, workers: int = 1, gpus: int = 0) -> Executor:
        return LocalExecutor(workers=workers, gpus=gpus, evaluate=EVALUATE)

    def test_an_exit_code_is_reported(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["leave 139", "leave 0"], tmp_path)
        self.make().run(driver)
        assert driver.statuses == [Status.CRASH] * 2
        assert "code 139" in driver.outcomes[1].message
        assert "code 0" in driver.outcomes[2].message

    def test_a_signal_from_outside_is_no_crash_of_the_candidate(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["kill 10"], tmp_path)
        self.make().run(driver)
        assert driver.outcomes[1].status is Status.KILLED
        assert "SIGUSR1" in driver.outcomes[1].message

    def test_a_worker_stays_with_its_gpu(self, tmp_path: Path) -> None:
        """A CUDA context on every GPU it has seen would stay there until the worker ends."""
        driver = ScriptedDriver(["ok"] * 3, tmp_path, device="cuda")
        self.make(gpus=2).run(driver)
        assert len({outcome.message for outcome in driver.outcomes.values()}) == 1

    def test_a_trial_that_no_gpu_can_hold_is_refused(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["ok"], tmp_path, device="cuda")
        self.make(gpus=0).run(driver)
        assert driver.outcomes[1].status is Status.INVALID

    def test_a_worker_sees_its_own_gpu_alone_and_trials_spread(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-1af3, MIG-7b22,GPU-unused")
        scripts = ["meet a b", "meet b a"]
        driver = ScriptedDriver(scripts, tmp_path, device="cuda", memory_fraction=0.25)
        self.make(workers=2, gpus=2).run(driver)
        devices = [driver.outcomes[attempt].message for attempt in (1, 2)]
        assert devices == ["device=GPU-1af3", "device=MIG-7b22"]

    def test_with_the_last_gpu_everything_ends(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "dead")
        driver = ScriptedDriver(["use"] * 4, tmp_path, device="cuda")
        executor = self.make(workers=2, gpus=1)
        executor.CHECK = CHECK
        executor.run(driver)
        assert len(driver.retirements) == 1
        assert {(o.status, o.stage) for o in driver.outcomes.values()} == {(Status.CRASH, DEVICE)}
        assert len(driver.outcomes) == 4
        assert "dead is dead" in driver.outcomes[4].message

    def run_on_a_gpu(self, driver: ScriptedDriver) -> None:
        """Runs it on one declared GPU, whose check reads CUDA_VISIBLE_DEVICES."""
        executor = self.make(gpus=1)
        executor.CHECK = CHECK
        executor.run(driver)

    def test_a_process_that_another_trial_broke_is_not_the_gpus_fault(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "good")
        driver = ScriptedDriver(["break_later", "use", "segv", "use"], tmp_path, device="cuda")
        self.run_on_a_gpu(driver)
        assert driver.statuses == [Status.OK, Status.OK, Status.CRASH, Status.OK]
        assert driver.retirements == []
        assert [event for event in driver.events if event == ("started", 2)] == [("started", 2)]

    @pytest.mark.parametrize("accident", ["killed", "hangs", "raises"])
    def test_a_check_that_met_with_an_accident_is_repeated(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accident: str
    ) -> None:
        monkeypatch.setattr(trial_process, "PAUSE_SECONDS", 0.0)
        requests = tmp_path / "asked"
        if accident == "hangs":  # its limit is past as soon as it does
            monkeypatch.setattr(
                trial_process, "awake", lambda: awake() + 1000.0 * requests.exists()
            )
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"{accident} once {requests}")
        driver = ScriptedDriver(["kill 9", "use"], tmp_path, device="cuda")
        self.run_on_a_gpu(driver)
        assert driver.statuses == [Status.KILLED, Status.OK]
        assert not driver.outcomes[1].never_started
        assert driver.retirements == []

    @pytest.mark.parametrize(
        ("accident", "words"), [("killed", "killed by SIGKILL"), ("raises", "No module named")]
    )
    def test_what_keeps_a_machine_from_asking_retires_no_gpu(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accident: str, words: str
    ) -> None:
        monkeypatch.setattr(trial_process, "PAUSE_SECONDS", 0.0)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", f"unasked {accident}")
        driver = ScriptedDriver(["throw", "ok"], tmp_path, device="cuda")
        self.run_on_a_gpu(driver)
        assert driver.statuses == [Status.KILLED, Status.OK]
        assert driver.outcomes[1].never_started  # nothing against its candidate
        assert words in driver.outcomes[1].message
        assert driver.retirements == []

    def test_a_gpu_that_never_answers_is_retired(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(trial_process, "PAUSE_SECONDS", 0.0)
        monkeypatch.setattr(trial_process, "CHECK_SECONDS", 0.1)
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "unasked hangs")
        driver = ScriptedDriver(["throw", "ok"], tmp_path, device="cuda")
        self.run_on_a_gpu(driver)
        assert driver.retirements == [(0, "the GPU does not work: no answer within 0.1 s")]
        assert {(o.status, o.stage) for o in driver.outcomes.values()} == {(Status.CRASH, DEVICE)}

    def test_an_abort_reports_the_trial_that_waits_for_a_gpu(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["sleep", "ok"], tmp_path, device="cuda")
        driver.abort_when = lambda d: ("next", 2) in d.events and bool(d.epochs)
        self.make(workers=2, gpus=1).run(driver)
        assert driver.statuses == [Status.INTERRUPTED] * 2
        assert ("started", 2) not in driver.events

    def test_a_worker_that_cannot_start_is_an_outcome(self, tmp_path: Path) -> None:
        driver = ScriptedDriver(["ok", "ok"], tmp_path)
        LocalExecutor(evaluate="no_such_module:evaluate").run(driver)
        assert driver.statuses == [Status.CRASH] * 2
        assert driver.outcomes[1].stage == "start"
        assert "no_such_module" in driver.outcomes[1].message

    def test_a_start_that_hangs_is_given_up(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / "slow_import.py").write_text("import time\ntime.sleep(1e6)\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setattr(LocalExecutor, "START_SECONDS", 0.5)
        driver = ScriptedDriver(["ok"], tmp_path)
        LocalExecutor(evaluate="slow_import:evaluate").run(driver)
        assert driver.outcomes[1].status is Status.KILLED
        assert driver.outcomes[1].stage == "start"

    def test_something_else_than_an_event_is_the_callers_mistake(self, tmp_path: Path) -> None:
        with pytest.raises(TypeError, match="wrong_yield"):
            LocalExecutor(evaluate="fake_evaluate:wrong_yield").run(
                ScriptedDriver(["ok"], tmp_path)
            )

    def test_trials_travel_whole(self, tmp_path: Path) -> None:
        trial = ScriptedDriver(["ok"], tmp_path, time_limit=3.5).trials[0]
        assert pickle.loads(pickle.dumps(trial)) == trial
