"""A whole run with its own Ray, for test_execute_ray."""

import os
import signal
import sys
import tempfile
from pathlib import Path

from scripted_driver import EVALUATE, ScriptedDriver, offspring

from nas.execute.executors.ray import RayExecutor
from nas.execute.ray_session import SETTINGS


class Stopped(ScriptedDriver):
    """Gets a SIGTERM while Ray is up."""

    def started(self, attempt: int) -> None:
        super().started(attempt)
        if attempt == 2:
            os.kill(os.getpid(), signal.SIGTERM)


if __name__ == "__main__":
    names = {*os.environ, *SETTINGS}  # the import of Ray leaves some of its own
    environment = {name: os.environ.get(name) for name in names}
    heard: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: heard.append(number))
    driver = Stopped(["segv", "ok", "sleep", "ok"], Path(sys.argv[1]))
    driver.limit(0.2, 3)
    executor = RayExecutor(evaluate=EVALUATE)
    executor.GRACE = 0.2
    executor.run(driver)
    os.kill(os.getpid(), signal.SIGTERM)
    now = {name: os.environ.get(name) for name in names}
    files = Path(tempfile.gettempdir()).iterdir()
    left = [str(pid) for pid in offspring()] + [path.name for path in files]
    sys.stdout.write(
        f"{' '.join(driver.statuses)}; left: {' '.join(left) or 'none'}; "
        f"environment as before: {environment == now}; "
        f"SIGTERM heard {len(heard)} times\n"
    )
