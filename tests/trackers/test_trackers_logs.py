"""`--log`: what TensorBoard's and MLflow's own readers find is what the ledger holds."""

import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from campaign_bench import Bench, ending, epoch, ok, scripts, small_space

from nas.campaign.background_logger import BackgroundLogger
from nas.campaign.tracking import Recorder, check_log, make_recorder
from nas.ledger import LeasedCandidate
from nas.schema import Epoch, Outcome, ProblemError, SearchConfig, Status, Trial

pytestmark = pytest.mark.filterwarnings(
    "ignore::sqlalchemy.exc.SADeprecationWarning"  # MLflow's own, with SQLAlchemy 2.1
)


def interrupted(trial: Trial) -> Iterator[Epoch | Outcome]:
    """The first epoch, a checkpoint, and Ctrl-C."""
    yield epoch(1, 0.3)
    Path(trial.folder).mkdir(parents=True)
    Path(trial.folder, "checkpoint.pt").touch()
    yield Outcome(status=Status.INTERRUPTED, epochs=1)


def resumed(trial: Trial) -> Iterator[Epoch | Outcome]:
    """What is left after the checkpoint, or else all."""
    for n in range(2 if trial.resume_from else 1, trial.candidate.recipe.epochs + 1):
        yield epoch(n, n / 10)
    yield Outcome(status=Status.OK, val_acc=0.9, test_acc=0.8, epochs=3)


def campaign(folder: Path, log: str) -> Bench:
    """One candidate interrupted and resumed, one that failed, one that succeeded."""
    bench = Bench(folder, space=small_space(epochs=3), trials=3)
    for script in (interrupted, scripts(resumed, ending(Status.CRASH, stage="train"), resumed)):
        driver = bench.drive()
        driver.recorder = make_recorder(log, bench.ledger, "c", bench.messages.append)
        bench.run(script, driver=stop_after_the_first(driver) if script is interrupted else driver)
        driver.recorder.close()
    assert [line for line in bench.messages if "is incomplete" in line] == []
    assert bench.attempts() == ["interrupted", "ok", "crash", "ok"]
    return bench


def stop_after_the_first(driver):  # type: ignore[no-untyped-def]
    started = driver.started
    driver.started = lambda attempt: (started(attempt), driver.stop("test"))
    return driver


def ledger_s(bench: Bench, column: str) -> dict[int, list[tuple[int, float]]]:
    """Of every attempt, (epoch, value) in order."""
    rows = bench.ledger.epochs("c")
    found: dict[int, list[tuple[int, float]]] = {
        int(a): [] for a in bench.ledger.attempts()["attempt"]
    }
    for row in rows.itertuples():
        found[row.attempt].append((row.epoch, getattr(row, column)))
    return found


def test_tensorboard_reads_the_ledger_s_values(tmp_path: Path) -> None:
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams import metadata

    bench = campaign(tmp_path, "tensorboard")
    folder = tmp_path / "runs.files" / "1" / "tensorboard"
    assert any(str(folder) in line for line in bench.messages)
    found = {}
    for run in folder.iterdir():
        events = EventAccumulator(str(run)).Reload()
        found[int(run.name.rsplit("-", 1)[1])] = events
    assert sorted(found) == [1, 2, 3, 4]
    for column in ("val_acc", "train_loss", "lr", "images_per_second"):
        for attempt, expected in ledger_s(bench, column).items():
            tags = found[attempt].Tags()["scalars"]
            reported = found[attempt].Scalars(column) if column in tags else []
            assert [(e.step, pytest.approx(e.value)) for e in reported] == expected
    [final] = found[2].Scalars("final/test_acc")
    assert (final.step, final.value) == (3, pytest.approx(0.8))
    assert "final/test_acc" not in found[3].Tags()["scalars"]
    key = bench.trials[0].candidate.key
    assert {p.name for p in folder.iterdir()} >= {f"search-00000-{key[:8]}-{n}" for n in (1, 2)}
    content = found[2].SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    given = metadata.parse_session_start_info_plugin_data(content).hparams
    assert given["gate_mixing"].string_value == bench.trials[0].candidate.choices["mixing"]
    assert given["families"].string_value == " ".join(bench.trials[0].candidate.families)


def test_mlflow_reads_the_ledger_s_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import mlflow

    uri = f"sqlite:///{tmp_path / 'tracking.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    bench = campaign(tmp_path, "mlflow")
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("c")
    runs = {
        int(r.data.tags["nas.attempt"]): r for r in client.search_runs([experiment.experiment_id])
    }
    assert sorted(runs) == [1, 2, 3, 4]
    for attempt, expected in ledger_s(bench, "val_acc").items():
        reported = client.get_metric_history(runs[attempt].info.run_id, "val_acc")
        assert sorted((m.step, m.value) for m in reported) == expected
    assert [runs[n].info.status for n in sorted(runs)] == [
        "KILLED",
        "FINISHED",
        "FAILED",
        "FINISHED",
    ]
    assert runs[2].data.metrics["final/test_acc"] == 0.8
    first = bench.trials[0].candidate
    assert runs[2].data.params == {"gate_mixing": first.choices["mixing"]}
    tags = runs[3].data.tags
    assert (tags["nas.outcome"], tags["nas.message"], tags["nas.role"]) == (
        *("crash", "scripted"),
        "search",
    )
    assert runs[1].data.tags["nas.key"] == runs[2].data.tags["nas.key"] == first.key
    assert runs[1].data.tags["nas.families"] == "+".join(first.families)


def test_mlflow_ends_the_runs_of_a_driver_that_was_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    uri = f"sqlite:///{tmp_path / 'tracking.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    bench = Bench(tmp_path, trials=1)
    gone = bench.drive()
    gone.store.lease_seconds = -1.0  # its leases are over at once
    gone.recorder = make_recorder("mlflow", bench.ledger, "c", bench.messages.append)
    trial = gone.next()
    assert isinstance(trial, Trial)
    gone.started(trial.attempt)
    gone.epoch(trial.attempt, epoch(1))
    driver = bench.drive()
    driver.recorder = make_recorder("mlflow", bench.ledger, "c", bench.messages.append)
    bench.run(ok, driver)
    driver.recorder.close()
    client = mlflow.MlflowClient(uri)
    runs = client.search_runs([client.get_experiment_by_name("c").experiment_id])
    by_attempt = {r.data.tags["nas.attempt"]: r.info.status for r in runs}
    assert by_attempt == {"1": "KILLED", "2": "FINISHED"}
    gone.recorder.close()


class Broken(Recorder):
    def __init__(self) -> None:
        self.requests = 0

    def __str__(self) -> str:
        return "Broken"

    def epoch(self, leased: LeasedCandidate, attempt: int, epoch: Epoch) -> None:
        self.requests += 1
        raise OSError(28, "No space left on device")


class Stuck(Broken):
    """As an unreachable server is, with all its retries."""

    def __init__(self) -> None:
        self.freed = threading.Event()

    def epoch(self, leased: LeasedCandidate, attempt: int, epoch: Epoch) -> None:
        self.freed.wait()


def test_a_log_that_fails_is_reported_once_and_the_campaign_goes_on(tmp_path: Path) -> None:
    bench = Bench(tmp_path, trials=3)
    broken = Broken()
    driver = bench.drive()
    driver.recorder = BackgroundLogger(broken, bench.messages.append)
    bench.run(ok, driver)
    driver.recorder.close()
    assert bench.outcomes() == [(n, "ok") for n in range(3)]
    [line] = [line for line in bench.messages if "No space left" in line]
    assert "the ledger is complete" in line
    assert broken.requests == 6  # it is still called: the disk may have room again


def test_a_log_that_hangs_delays_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path, trials=3)
    stuck = Stuck()
    driver = bench.drive()
    driver.recorder = BackgroundLogger(stuck, bench.messages.append, waiting=2, close_seconds=0.05)
    bench.run(ok, driver)
    driver.recorder.close()
    assert bench.outcomes() == [(n, "ok") for n in range(3)]
    assert len([line for line in bench.messages if "too slow to keep up" in line]) == 1
    stuck.freed.set()


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    bench = Bench(tmp_path, trials=1)
    bench.ledger.claim_files()
    (tmp_path / "runs.files" / "1").mkdir()
    (tmp_path / "runs.files" / "1" / "tensorboard").write_text("in the way")
    driver = bench.drive()
    driver.recorder = make_recorder("tensorboard", bench.ledger, "c", bench.messages.append)
    bench.run(ok, driver)
    driver.recorder.close()
    assert bench.outcomes() == [(0, "ok")]
    assert len([line for line in bench.messages if "NotADirectoryError" in line]) == 1


def test_a_server_that_is_gone_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    bench = Bench(tmp_path, trials=1)
    driver = bench.drive()
    driver.recorder = make_recorder("mlflow", bench.ledger, "c", bench.messages.append)
    bench.run(ok, driver)
    driver.recorder.close()
    assert bench.outcomes() == [(0, "ok")]
    assert (
        len([line for line in bench.messages if "127.0.0.1" in line and "is incomplete" in line])
        == 1
    )


def test_an_unknown_log_and_a_missing_package_are_problems(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    check_log(None)
    with pytest.raises(ProblemError, match="did you mean tensorboard"):
        check_log("tensorbord")
    monkeypatch.delitem(sys.modules, "nas.campaign.trackers.mlflow", raising=False)
    monkeypatch.setitem(sys.modules, "mlflow", None)
    needs = r"needs the package mlflow, .* pip install 'nas-moe\[mlflow\]'"
    with pytest.raises(ProblemError, match=needs):
        check_log("mlflow")


def test_without_a_log_nothing_is_written(tmp_path: Path) -> None:
    bench = Bench(tmp_path, trials=1)
    driver = bench.drive()
    driver.recorder = make_recorder(None, bench.ledger, "c", bench.messages.append)
    bench.run(ok, driver)
    driver.recorder.close()
    assert list(tmp_path.rglob("*tensorboard*")) == []


@pytest.mark.parametrize(
    ("given", "kept"),
    [([], "tensorboard"), (["--log", "mlflow"], "mlflow"), (["--log", "none"], None)],
)
def test_resume_keeps_the_log_or_changes_it(
    given: list[str], kept: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from typer.testing import CliRunner

    from nas.cli import resume
    from nas.cli.app import app
    from nas.ledger import Ledger
    from nas.schema import CampaignConfig
    from nas.space import load

    ledger = Ledger(tmp_path / "runs.db", read_only=False)
    config = SearchConfig(trials=1, executor="local", log="tensorboard")
    ledger.create_campaign("c", load("tiny"), config)
    requests: list[CampaignConfig] = []
    monkeypatch.setattr(resume, "work", lambda ledger, name, config, **_: requests.append(config))
    where = ["--db", str(tmp_path / "runs.db")]
    done = CliRunner().invoke(app, ["resume", *where, *given], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert [config.log for config in requests] == [kept]
    assert ledger.campaign("c").config.log == kept


@pytest.mark.proof
def test_a_campaign_logs_and_goes_on_logging_when_resumed(tmp_path: Path) -> None:
    """The real command, without Ray; `nas resume` keeps the option."""
    from real_nas import nas, write_space
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from nas.ledger import Ledger

    small = ("--executor", "local", "--workers", "1", "--no-controls", "--log", "tensorboard")
    messages = nas("search", write_space(tmp_path), "--trials", "1", *small, cwd=tmp_path)
    folder = tmp_path / "runs.files" / "1" / "tensorboard"
    assert f"tensorboard --logdir {folder}" in "".join(messages.splitlines())
    nas("resume", "--trials", "2", cwd=tmp_path)
    rows = Ledger(tmp_path / "runs.db").epochs()
    found = {int(run.name.rsplit("-", 1)[1]): run for run in folder.iterdir()}
    assert sorted(found) == sorted(set(rows["attempt"])) == [1, 2]
    for attempt, run in found.items():
        reported = EventAccumulator(str(run)).Reload().Scalars("val_acc")
        expected = rows[rows["attempt"] == attempt]
        assert [e.step for e in reported] == expected["epoch"].tolist()
        assert [e.value for e in reported] == pytest.approx(expected["val_acc"].tolist())
