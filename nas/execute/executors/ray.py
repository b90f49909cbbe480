"""Trials as Ray Tune trials, each in its own process of an actor.

Ray is a stateless executor here: the driver decides what to run, when to stop and what the result
is, and nothing that Ray stores is read back. Tune keeps every trial of a run in memory and a folder
of files for each, so its loop is restarted after RECYCLE trials; the driver does not notice.
"""

import shutil
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nas.execute.base import Driver, Executor
from nas.execute.dispatch import AHEAD, Dispatcher
from nas.execute.ray_session import ray_session
from nas.schema import ProblemError


class RayExecutor(Executor):
    """Runs trials in `workers` actors; with GPUs, in AHEAD more, as an actor also holds a waiting
    trial. Each actor has a process for trials; both are reused.

    Ray takes some seconds to start, in which `driver.tick` is not called.
    """

    RECYCLE = 500
    """Trials per `tune.run`."""

    def __init__(self, **settings: Any) -> None:
        """Raises ProblemError where Ray is not installed."""
        if find_spec("ray") is None:
            raise ProblemError(
                "Ray is not installed",
                where="--executor",
                fix="type `pip install 'ray[tune]'`, or take --executor local",
            )
        super().__init__(**settings)

    def run(self, driver: Driver) -> None:
        dispatcher = Dispatcher(driver, self)
        with ray_session(workers=self._actors) as folder:
            while not driver.abort:
                if self._round(dispatcher, folder / "tune"):
                    return

    @property
    def _actors(self) -> int:
        return self.workers + (AHEAD if self.gpus else 0)

    def _round(self, dispatcher: Dispatcher, folder: Path) -> bool:
        """One `tune.run`; True if the driver is done."""
        # Imported here because Ray reads its settings on import.
        from ray import tune

        from nas.execute.ray_worker import TuneWorker
        from nas.execute.tune_bridge import (
            DriverCallback,
            DriverScheduler,
            DriverSearcher,
            Halt,
            TuneBridge,
        )

        folder.mkdir()
        bridge = TuneBridge(dispatcher, self.RECYCLE, folder)
        with suppress(Halt):
            tune.run(
                TuneWorker,
                name="run",
                storage_path=str(folder),
                search_alg=DriverSearcher(bridge),
                scheduler=DriverScheduler(bridge),
                callbacks=[DriverCallback(bridge)],
                num_samples=-1,
                max_concurrent_trials=self._actors,
                reuse_actors=True,
                max_failures=0,
                raise_on_failed_trial=False,
                trial_dirname_creator=_folder_name,
                verbose=0,
            )
        bridge.close()
        shutil.rmtree(folder, ignore_errors=True)
        if bridge.error is not None:
            raise bridge.error
        return dispatcher.over


def _folder_name(trial: object) -> str:
    return str(getattr(trial, "trial_id", trial))
