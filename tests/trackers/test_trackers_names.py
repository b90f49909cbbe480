"""Names and messages in other people's tools: text there too."""

from pathlib import Path
from typing import Any

import pytest
from hostile import HOSTILE, hidden
from ledger_maker import Maker, epoch

from nas.campaign.trackers.base import figures
from nas.ledger import LeasedCandidate
from nas.schema import Choice, ExpertAxis, Member, Outcome, Space, Status
from nas.schema.visible import visible

SPACE = Space(
    name="s",
    experts=ExpertAxis(k=1, families={HOSTILE.replace("+", ""): (Member(model="ant_s"),)}),
    choices=(Choice(name="mixing", values=(HOSTILE,)),),
)


@pytest.fixture
def leased(tmp_path: Path) -> LeasedCandidate:
    return Maker(tmp_path / "runs.db", space=SPACE, name=HOSTILE).draw("ant_s", mixing=HOSTILE)


def test_names_of_figures_are_words(leased: LeasedCandidate) -> None:
    for name in figures(leased, epoch()):
        assert all(c.isascii() and (c.isalnum() or c in "_./-") for c in name)


def test_tensorboard_s_hyperparameters(leased: LeasedCandidate) -> None:
    from tensorboard.plugins.hparams import metadata

    from nas.campaign.trackers.tensorboard import _session

    [value] = _session(leased)[1].value
    start = metadata.parse_session_start_info_plugin_data(value.metadata.plugin_data.content)
    texts = {name: given.string_value for name, given in start.hparams.items()}
    assert texts["gate_mixing"] == visible(HOSTILE)
    assert not any(map(hidden, [*texts, *texts.values()]))


class Client:
    """A fake of MLflow's client that records its calls."""

    def __init__(self, reported: list[Any]) -> None:
        self.not_estimable = reported
        self.info = self
        self.run_id = "run"

    def get_experiment_by_name(self, name: str) -> None:
        self.not_estimable.append(name)

    def create_experiment(self, name: str) -> str:
        self.not_estimable.append(name)
        return "1"

    def create_run(self, experiment: str, run_name: str, tags: dict[str, str]) -> "Client":
        self.not_estimable += [run_name, *tags, *tags.values()]
        return self

    def log_batch(self, run: str, params: Any = (), metrics: Any = ()) -> None:
        self.not_estimable += [text for param in params for text in (param.key, param.value)]
        self.not_estimable += [metric.key for metric in metrics]

    def set_tag(self, run: str, name: str, value: str) -> None:
        self.not_estimable += [name, value]

    def set_terminated(self, run: str, status: str) -> None:
        self.not_estimable.append(status)


def test_mlflow_s_names_tags_and_parameters(
    leased: LeasedCandidate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nas.campaign.trackers import mlflow
    from nas.ledger import Ledger

    reported: list[Any] = []
    monkeypatch.setattr(mlflow.mlflow, "MlflowClient", lambda uri: Client(reported))
    log = mlflow.MLflow(Ledger(tmp_path / "runs.db"), HOSTILE)
    log.done(leased, 1, Outcome(status=Status.CRASH, message=HOSTILE))
    assert reported.count(visible(HOSTILE)) == 4  # the experiment twice, a parameter, the message
    assert not any(map(hidden, [str(log), *reported]))
