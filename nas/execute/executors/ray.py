"""Trials as Ray Tune trials, each in an actor's own process.

Ray is a stateless executor here: what to run, when to stop and what came of it are the driver's,
and nothing of Ray's is read again. Tune keeps every trial of a run in memory and a folder of
files for each, so after RECYCLE trials its loop is ended and begun again, which a driver does not
notice.
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
    """`workers` actors, and where trials wait for a GPU AHEAD more, for an actor holds its trial
    while that waits. Each has a process for trials; both are reused.

    Ray itself takes some seconds to start, in which the driver is not ticked.
    """

    RECYCLE = 500
    """Trials in one `tune.run`."""

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
        """One `tune.run`; True when the driver is done."""
        # Not at the top of the module: Ray reads its settings when it is imported.
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
        desk = TuneBridge(dispatcher, self.RECYCLE, folder)
        with suppress(Halt):
            tune.run(
                TuneWorker,
                name="run",
                storage_path=str(folder),
                search_alg=DriverSearcher(desk),
                scheduler=DriverScheduler(desk),
                callbacks=[DriverCallback(desk)],
                num_samples=-1,
                max_concurrent_trials=self._actors,
                reuse_actors=True,
                max_failures=0,
                raise_on_failed_trial=False,
                trial_dirname_creator=_folder_name,
                verbose=0,
            )
        desk.close()
        shutil.rmtree(folder, ignore_errors=True)
        if desk.error is not None:
            raise desk.error
        return dispatcher.over


def _folder_name(trial: object) -> str:
    return str(getattr(trial, "trial_id", trial))
