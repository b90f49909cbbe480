"""Other places that follow a campaign: `--log tensorboard`, `--log mlflow`.

The ledger is the record; these are views of it for those who work with such tools already. Each is
a module with a `Recorder`, told by the driver of every epoch and end that the ledger has taken.
"""

from collections.abc import Callable
from importlib.util import find_spec

from nas.campaign.trackers.background import BackgroundLogger
from nas.campaign.trackers.base import Recorder
from nas.contained import contained
from nas.ledger import Ledger
from nas.schema import ProblemError, UsageError, did_you_mean

LOGS = {"tensorboard": "tensorboardX", "mlflow": "mlflow"}
"""What `--log` may be, and the module each needs."""

__all__ = ["LOGS", "Recorder", "check_log", "make_recorder"]


def check_log(name: str | None) -> None:
    """Raises ProblemError for a log that is not known or whose package is not installed."""
    if name is None:
        return
    if name not in LOGS:
        raise UsageError(f"no log is called {name!r}", fix=did_you_mean(name, LOGS))
    if find_spec(LOGS[name]) is None:
        raise ProblemError(
            f"--log {name} needs the package {LOGS[name]}, which is not installed",
            fix=f"pip install 'nas-moe[{name}]'",
        )


def make_recorder(
    name: str | None, ledger: Ledger, campaign: str, say: Callable[[str], None]
) -> Recorder:
    """The recorder of a log, which says where it writes; one that does nothing for None.

    It works in a thread of its own and never fails: see `BackgroundLogger`. Raises as `check_log`
    does.
    """
    check_log(name)
    if name is None:
        return Recorder()
    log: Recorder
    if name == "tensorboard":
        from nas.campaign.trackers.tensorboard import TensorBoard

        log = TensorBoard(contained(ledger.files, ledger.campaign(campaign).id, "tensorboard"))
    else:
        from nas.campaign.trackers.mlflow import MLflow

        log = MLflow(ledger, campaign)
    say(f"logging to {log}")
    return BackgroundLogger(log, say)
