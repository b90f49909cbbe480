"""A driver to be killed, for test_execute_orphans: `orphan.py EXECUTOR SCRIPT FOLDER`."""

import sys
from pathlib import Path

from scripted_driver import EVALUATE, ScriptedDriver

from nas.schema import Epoch


class Announcing(ScriptedDriver):
    def epoch(self, attempt: int, epoch: Epoch) -> bool:
        sys.stdout.write(f"{attempt}\n")
        sys.stdout.flush()
        return super().epoch(attempt, epoch)


if __name__ == "__main__":
    name, script, folder = sys.argv[1:]
    if name == "ray":
        from nas.execute.executors.ray import RayExecutor as Chosen
    else:
        from nas.execute.executors.local import LocalExecutor as Chosen
    Chosen(evaluate=EVALUATE).run(Announcing([script], Path(folder)))
