"""`nas export-study`: what Optuna reads back is what the ledger holds."""

import sqlite3
import sys
from datetime import UTC, datetime
from pathlib import Path

import optuna
import pytest
from ledger_maker import Maker, epoch
from optuna.trial import TrialState
from real_nas import run as nas

from nas.export.study import export_study
from nas.export.study import write as module
from nas.ledger import NewCandidate
from nas.schema import Choice, Outcome, ProblemError, Role, SearchConfig, Space, Status


@pytest.fixture
def filled(maker: Maker) -> Maker:
    """#0 and #1 ok, #2 oom, #3 pruned, #4 open after an epoch, #5 open, one control."""
    maker.trained("ant_s", "bee_m", val=0.9, test=0.88, oracle=0.95)
    maker.trained("ant_s", "cat_s", val=0.7, mixing="top1")
    maker.failed("bee_s", "dog_s", message="<b>out</b> of memory")
    leased = maker.draw("cat_s", "dog_s")
    attempt = maker.start(leased)
    maker.store.epoch(attempt, epoch(1, 0.2))
    pruned = Outcome(status=Status.PRUNED, val_acc=0.2, epochs=1, rung=0)
    assert maker.store.finish(leased, attempt, pruned, final=True)
    leased = maker.draw("ant_s", "dog_s")
    attempt = maker.start(leased)
    maker.store.epoch(attempt, epoch(1, 0.4))
    maker.draw("bee_s", "cat_s")
    maker.control("ant_s", 0.8)
    return maker


def read(maker: Maker, path: Path) -> optuna.Study:
    done = export_study(maker.ledger, None, str(path))
    return optuna.load_study(study_name=maker.name, storage=done.storage)


def test_optuna_reads_the_ledger_s_values(filled: Maker, tmp_path: Path) -> None:
    study = read(filled, tmp_path / "study.db")
    states = [trial.state for trial in study.trials]
    assert states == [
        *(TrialState.COMPLETE, TrialState.COMPLETE, TrialState.FAIL, TrialState.PRUNED),
        *(TrialState.RUNNING, TrialState.RUNNING),
    ]
    assert [trial.number for trial in study.trials] == list(range(6))
    assert [trial.value for trial in study.trials] == [0.9, 0.7, None, 0.2, None, None]
    assert study.direction.name == "MAXIMIZE"
    assert study.best_trial.number == 0
    assert study.best_trial.params == {
        "family ant": "ant_s",
        "family bee": "bee_m",
        "family cat": "(out)",
        "family dog": "(out)",
        "gate_mixing": "soft",
    }
    reported = [trial.intermediate_values for trial in study.trials]
    assert reported == [{1: 0.45, 2: 0.9}, {1: 0.35, 2: 0.7}, {}, {1: 0.2}, {1: 0.4}, {}]
    candidates = filled.ledger.candidates().query("role == 'search'")
    for trial, row in zip(study.trials, candidates.itertuples(), strict=True):
        attrs = trial.user_attrs
        assert (attrs["key"], attrs["families"], attrs["members"]) == (
            *(row.key, row.families),
            row.members,
        )
        assert attrs.get("outcome", "open") == (
            row.outcome if trial.state.is_finished() else "open"
        )
    assert study.trials[0].user_attrs["test_acc"] == 0.88
    assert study.trials[2].user_attrs["message"] == "<b>out</b> of memory"
    assert study.user_attrs["sampler"] == "stratified"


def test_times_are_the_attempts_(filled: Maker, tmp_path: Path) -> None:
    trial = read(filled, tmp_path / "study.db").trials[0]
    assert trial.datetime_start is not None
    assert trial.datetime_complete is not None
    attempt = filled.ledger.attempts().iloc[0]
    assert trial.datetime_start.astimezone(UTC) == attempt["started_at"]
    ended = filled.ledger.candidates().iloc[0]["finished_at"]
    assert trial.datetime_complete.astimezone(UTC) == ended
    assert abs((trial.datetime_start - datetime.now()).total_seconds()) < 3600


def test_epochs_go_on_over_resumes(maker: Maker, tmp_path: Path) -> None:
    leased = maker.draw("ant_s", "bee_s")
    first = maker.start(leased)
    maker.store.epoch(first, epoch(1, 0.1))
    maker.store.epoch(first, epoch(2, 0.2))
    maker.store.finish(leased, first, Outcome(status=Status.KILLED), final=False)
    started = maker.store.start(
        leased,
        environment_id=maker.environment,
        device="cpu",
        memory_fraction=None,
        resumed_from=first,
    )
    assert started is not None
    second, _ = started
    for number, value in ((2, 0.25), (3, 0.3)):  # its checkpoint was of the first epoch
        maker.store.epoch(second, epoch(number, value))
    maker.store.finish(leased, second, Outcome(status=Status.OK, val_acc=0.3), final=True)
    [trial] = read(maker, tmp_path / "study.db").trials
    assert trial.intermediate_values == {1: 0.1, 2: 0.25, 3: 0.3}
    assert trial.user_attrs["attempts"] == 2


def test_optuna_s_plots_and_importances_work(maker: Maker, tmp_path: Path) -> None:
    """ant is worth 0.2, and nothing else anything: importance must say so."""
    for at, models in enumerate(
        [
            *([("ant_s", "bee_s"), ("ant_s", "bee_m"), ("ant_s", "cat_s"), ("ant_s", "dog_s")]),
            *([("bee_s", "cat_s"), ("bee_m", "cat_s"), ("bee_s", "dog_s"), ("bee_m", "dog_s")]),
            ("cat_s", "dog_s"),
        ]
    ):
        for mixing in ("soft", "top1"):
            value = 0.5 + 0.2 * ("ant_s" in models) + 0.001 * at
            maker.trained(*models, val=value, mixing=mixing)
    study = read(maker, tmp_path / "study.db")
    importances = optuna.importance.get_param_importances(
        study, evaluator=optuna.importance.FanovaImportanceEvaluator(seed=0)
    )
    assert set(importances) == {
        *("family ant", "family bee", "family cat", "family dog"),
        "gate_mixing",
    }
    assert max(importances, key=importances.__getitem__) == "family ant"
    assert importances["family ant"] > 0.5
    for plot in (
        optuna.visualization.plot_optimization_history,
        optuna.visualization.plot_intermediate_values,
        optuna.visualization.plot_slice,
        optuna.visualization.plot_parallel_coordinate,
        optuna.visualization.plot_timeline,
        optuna.visualization.plot_param_importances,
    ):
        assert plot(study).data


def test_a_study_of_that_name_is_kept_unless_reported(filled: Maker, tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    read(filled, path)
    filled.trained("bee_m", "dog_s", val=0.1)
    with pytest.raises(ProblemError, match="--overwrite"):
        export_study(filled.ledger, None, str(path))
    assert len(optuna.load_study(study_name="first", storage=f"sqlite:///{path}").trials) == 6
    done = export_study(filled.ledger, "first", f"sqlite:///{path}", overwrite=True)
    assert done.trials == 7
    assert len(optuna.load_study(study_name="first", storage=done.storage).trials) == 7


def test_two_campaigns_share_a_file(filled: Maker, tmp_path: Path) -> None:
    path = str(tmp_path / "study.db")
    export_study(filled.ledger, None, path)
    space = Space(name="s", choices=(Choice(name="a", values=(1, 2)),))
    filled.ledger.create_campaign("second", space, SearchConfig())
    assert export_study(filled.ledger, None, path).trials == 0
    assert optuna.get_all_study_names(f"sqlite:///{path}") == ["first", "second"]


@pytest.mark.parametrize(
    ("where", "words"),
    [
        ("runs.db", "this is the ledger"),
        ("text.db", "something else than Optuna"),
        ("no/such/study.db", "no such folder"),
        ("postgresql://me@here/studies", "SQLite"),
    ],
)
def test_other_files_are_refused_and_left_alone(
    filled: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str, words: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.db").write_text("a text\n" * 100)
    filled.ledger.close()
    files = [tmp_path / "runs.db", tmp_path / "text.db"]
    before = [path.read_bytes() for path in files]
    with pytest.raises(ProblemError, match=words):
        export_study(filled.ledger, None, where, overwrite=True)
    assert [path.read_bytes() for path in files] == before


def test_a_failure_leaves_no_half_of_a_study(
    filled: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "study.db"
    monkeypatch.setattr(module, "_fill", fail)
    with pytest.raises(KeyboardInterrupt):
        export_study(filled.ledger, None, str(path))
    assert not path.exists()


def test_without_optuna_s_tables_it_is_written_by_its_public_door(
    filled: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = read(filled, tmp_path / "quick.db")
    monkeypatch.setitem(sys.modules, "nas.export.study.rows", None)  # importing it fails
    slow = read(filled, tmp_path / "slow.db")
    assert slow.trials == quick.trials


def test_a_space_without_experts_and_a_campaign_without_draws(tmp_path: Path) -> None:
    space = Space(name="s", choices=(Choice(name="a", values=(1, 2.5, "x", True)),))
    maker = Maker(tmp_path / "runs.db", space=space)
    assert read(maker, tmp_path / "study.db").trials == []


def test_a_choice_keeps_its_type(tmp_path: Path) -> None:
    from nas.schema import Assignment, Candidate, Task

    choices = (Choice(name="a", values=(1, 2)), Choice(name="b", values=(0.5, 1)))
    space = Space(name="s", choices=choices)
    maker = Maker(tmp_path / "runs.db", space=space)
    for a, b in ((1, 0.5), (2, 1)):
        candidate = Candidate.of(
            space, Assignment(picks=(), choices=(("a", a), ("b", b))), Task(), "t" * 16
        )
        assert maker.store.draw(lambda _, c=candidate: NewCandidate(candidate=c, code="pass\n"))
    trials = read(maker, tmp_path / "study.db").trials
    assert [trial.params for trial in trials] == [
        {"gate_a": 1, "gate_b": 0.5},
        {"gate_a": 2, "gate_b": 1},
    ]


def test_controls_are_no_trials(filled: Maker, tmp_path: Path) -> None:
    roles = set(filled.ledger.candidates()["role"])
    assert Role.CONTROL.value in roles
    keys = {t.user_attrs["key"] for t in read(filled, tmp_path / "study.db").trials}
    assert keys == set(filled.ledger.candidates().query("role == 'search'")["key"])


def test_the_command(filled: Maker, tmp_path: Path) -> None:
    done = nas("export-study", "-o", "study.db", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "6 trials in the study first" in done.stdout
    assert f"optuna-dashboard sqlite:///{tmp_path / 'study.db'}" in done.stdout
    assert done.stderr == ""
    with sqlite3.connect(tmp_path / "study.db") as connection:
        assert connection.execute("SELECT COUNT(*) FROM trials").fetchone() == (6,)
    connection.close()
    again = nas("export-study", "-o", "study.db", cwd=tmp_path)
    assert again.returncode == 2
    assert len(again.stderr.splitlines()) == 1


def test_without_optuna_there_is_one_line_and_no_file(
    filled: Maker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nas.export.study.write.find_spec", lambda name: None)
    with pytest.raises(ProblemError, match="a study needs Optuna"):
        export_study(filled.ledger, None, str(tmp_path / "study.db"))
    assert not (tmp_path / "study.db").exists()
