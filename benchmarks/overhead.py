"""Overhead of one trial with a warm worker: a result received → the next trial's first step.

`python benchmarks/overhead.py [--executor ray|local] [--trials 60] [--db runs.db] [--json]`

Nothing is built or trained, so what is measured is the way there and back: the driver's answer,
the executor, its processes. The first trial of each worker, which starts it, is not counted. With
`--db` also the share of a real campaign's attempts. Target: ≤ 0.1 s.
"""

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Iterator

from nas.execute import Idle
from nas.execute.base import Executor
from nas.execute.executors.local import LocalExecutor
from nas.execute.executors.ray import RayExecutor
from nas.schema import Candidate, Epoch, Outcome, Recipe, Status, Task, Trial

TARGET_SECONDS = 0.1
STEP_SECONDS = 0.02
"""How long the stand-in for a trial takes."""


def evaluate(trial: Trial) -> Iterator[Epoch | Outcome]:
    """Runs in the worker: notes when its first step began."""
    began = time.time()
    time.sleep(STEP_SECONDS)
    yield Outcome(status=Status.OK, detail=repr(began))


class StopWatch:
    """A driver with `trials` trials, which writes down when it heard of each end."""

    abort = False

    def __init__(self, trials: int, folder: str) -> None:
        candidate = Candidate(
            template="moe4", template_hash="", image_size=32, recipe=Recipe(), task=Task()
        )
        self._trials = [
            Trial(
                attempt=number,
                candidate=candidate,
                code="# as long as a rendered file\n" * 400,
                folder=folder,
                stop_file=f"{folder}/stop",
                data_root=folder,
            )
            for number in range(trials)
        ]
        self.heard: list[float] = []
        self.began: dict[int, float] = {}

    def next(self) -> Trial | Idle:
        return self._trials.pop(0) if self._trials else Idle.DONE

    def started(self, attempt: int) -> None: ...

    def epoch(self, attempt: int, epoch: Epoch) -> bool:
        return True

    def done(self, attempt: int, outcome: Outcome) -> None:
        self.heard.append(time.time())
        self.began[attempt] = float(outcome.detail)

    def tick(self) -> None: ...


def measure(name: str, workers: int, trials: int) -> dict[str, float | int | str]:
    """Median and 90th percentile in seconds over `trials` hand-overs."""
    kinds: dict[str, type[Executor]] = {"ray": RayExecutor, "local": LocalExecutor}
    with tempfile.TemporaryDirectory() as folder:
        driver = StopWatch(trials + workers, folder)
        kinds[name](workers=workers, evaluate="overhead:evaluate").run(driver)
    # The k-th end frees the worker that the (k + workers)-th trial is given to.
    seconds = [
        driver.began[number + workers] - heard
        for number, heard in enumerate(driver.heard[: -workers or None])
    ]
    return {
        "executor": name,
        "workers": workers,
        "trials": len(seconds),
        "median_seconds": round(statistics.median(seconds), 4),
        "p90_seconds": round(statistics.quantiles(seconds, n=10)[-1], 4),
    }


def attempt_seconds(db: str) -> float:
    """Mean length of a ledger's successful attempts."""
    from nas import Ledger

    attempts = Ledger(db).attempts()
    return float(attempts.loc[attempts["outcome"] == "ok", "seconds"].mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--executor", choices=("ray", "local"), action="append")
    parser.add_argument("--workers", type=int, action="append")
    parser.add_argument("--trials", type=int, default=60)
    parser.add_argument("--db", help="a ledger to take the length of real attempts from")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    length = attempt_seconds(options.db) if options.db else None
    for name in options.executor or ("ray", "local"):
        for workers in options.workers or (1, 2):
            row = measure(name, workers, options.trials)
            if length is not None:
                row["share"] = round(float(row["median_seconds"]) / length, 5)
            row["machine"] = f"{platform.machine()}, Python {platform.python_version()}"
            if options.json:
                print(json.dumps(row), flush=True)
                continue
            verdict = "ok" if float(row["median_seconds"]) <= TARGET_SECONDS else "too slow"
            share = (
                "" if length is None else f", {row['share']:.2%} of an attempt of {length:.1f} s"
            )
            print(
                f"{name:6} {workers} worker(s): median {row['median_seconds']:.4f} s, "
                f"90 % below {row['p90_seconds']:.4f} s over {row['trials']} trials"
                f"{share} (target {TARGET_SECONDS} s: {verdict})",
                flush=True,
            )


if __name__ == "__main__":
    main()
