"""A whole run with its own Ray, for test_execute_ray."""

import os
import sys
import tempfile
from pathlib import Path

from executor_contract import EVALUATE, ScriptedDriver, offspring

from nas.execute.ray_tune import RayExecutor

if __name__ == "__main__":
    environment = dict(os.environ)
    driver = ScriptedDriver(["segv", "ok", "sleep", "ok"], Path(sys.argv[1]), time_limit=0.2)
    executor = RayExecutor(evaluate=EVALUATE)
    executor.GRACE = 0.2
    executor.run(driver)
    files = Path(tempfile.gettempdir()).iterdir()
    left = [str(pid) for pid in offspring()] + [path.name for path in files]
    sys.stdout.write(
        f"{' '.join(driver.statuses)}; left: {' '.join(left) or 'none'}; "
        f"environment as before: {environment == dict(os.environ)}\n"
    )
