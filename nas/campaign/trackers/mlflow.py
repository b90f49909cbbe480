"""`--log mlflow`: one run an attempt, in the experiment named like the campaign."""

import logging
import time
from typing import Any

import mlflow
from mlflow.entities import Metric, Param

from nas.campaign.trackers.base import Tracker, figures, results, settings, title
from nas.ledger import LeasedCandidate, Ledger
from nas.schema import Epoch, Outcome, Status
from nas.schema.visible import visible

_ENDED = {Status.OK: "FINISHED", Status.PRUNED: "FINISHED", Status.INTERRUPTED: "KILLED"}
_LEFT = "KILLED"
"""The status of a run whose driver died."""


class MLflow(Tracker):
    """Logs to `MLFLOW_TRACKING_URI`, or to MLflow's default in the working directory.

    Metrics per epoch have the ledger's names, with `final/…` at the end; parameters are the gate's
    settings; tags `nas.*` hold key, role, families, members, attempt and outcome. Raises what
    MLflow raises.
    """

    def __init__(self, ledger: Ledger, campaign: str) -> None:
        # Its log messages about database tables would disturb the display.
        for name in ("mlflow", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
        self._ledger = ledger
        self._campaign = campaign
        self._experiment = visible(campaign)
        self._uri = mlflow.get_tracking_uri()
        self._runs: dict[int, str] = {}
        self._made: tuple[Any, str] | None = None

    def __str__(self) -> str:
        return f"MLflow: experiment {self._experiment} at {self._uri}"

    def epoch(self, leased: LeasedCandidate, attempt: int, epoch: Epoch) -> None:
        run = self._run(leased, attempt)
        self._client.log_batch(run, metrics=_metrics(figures(leased, epoch), epoch.epoch))

    def done(self, leased: LeasedCandidate, attempt: int, outcome: Outcome) -> None:
        run = self._run(leased, attempt)
        self._client.log_batch(run, metrics=_metrics(results(outcome), outcome.epochs))
        self._client.set_tag(run, "nas.outcome", outcome.status.value)
        if outcome.message:
            self._client.set_tag(run, "nas.message", visible(outcome.message))
        self._client.set_terminated(run, _ENDED.get(outcome.status, "FAILED"))
        del self._runs[attempt]

    def close(self) -> None:
        """Ends the runs of this ledger whose attempts have ended: their drivers were killed."""
        attempts = self._ledger.attempts(self._campaign)
        ended = set(attempts.loc[attempts["outcome"].notna(), "attempt"])
        client, experiment = self._opened
        mine = f"attributes.status = 'RUNNING' AND tags.`nas.ledger` = '{self._place}'"
        for run in client.search_runs([experiment], mine):
            if int(run.data.tags["nas.attempt"]) in ended:
                client.set_terminated(run.info.run_id, _LEFT)

    @property
    def _opened(self) -> tuple[Any, str]:
        """The client and the experiment's id; created at first use, in the tracker's thread."""
        if self._made is None:
            client = mlflow.MlflowClient(self._uri)
            found = client.get_experiment_by_name(self._experiment)
            made = found.experiment_id if found else client.create_experiment(self._experiment)
            self._made = client, made
        return self._made

    @property
    def _client(self) -> Any:
        return self._opened[0]

    @property
    def _place(self) -> str:
        return visible(self._ledger.place.replace("'", "_"))

    def _run(self, leased: LeasedCandidate, attempt: int) -> str:
        if attempt not in self._runs:
            client, experiment = self._opened
            tags = {
                "nas.key": leased.candidate.key,
                "nas.role": leased.role.value,
                "nas.number": str(leased.number),
                "nas.families": "+".join(leased.candidate.families),
                "nas.members": "+".join(pick.model for pick in leased.candidate.assignment.picks),
                "nas.attempt": str(attempt),
                "nas.ledger": self._place,
            }
            tags = {name: visible(value) for name, value in tags.items()}
            run = client.create_run(experiment, run_name=title(leased, attempt), tags=tags)
            self._runs[attempt] = run.info.run_id
            given = [Param(name, str(value)) for name, value in settings(leased).items()]
            client.log_batch(run.info.run_id, params=given)
        return self._runs[attempt]


def _metrics(values: dict[str, float], step: int) -> list[Any]:
    now = int(1000 * time.time())
    return [Metric(name, value, now, step) for name, value in values.items()]
