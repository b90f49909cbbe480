"""CPU from a command's start to its answer, in units of this machine's `import torch, timm`.

`python benchmarks/start.py [--runs 3] [--only help,status,…] [--nas PROGRAM] [--json]`

Seconds of CPU, user and system, of a command and all its processes; every round runs each command
once and the unit once, so a machine that is busier for a while is so for all of them. `cold` begins
with an empty cache of the user's, `warm` with what an earlier run kept; every search begins without
a ledger. `first step`: until a search's first epoch is in its ledger; it is one step.
"""

import argparse
import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from PIL import Image

UNIT = [sys.executable, "-c", "import torch, timm"]
IMAGES = 30
"""Number per class, of two: 42 train, so an epoch is one step of at most 64."""
LONGEST = 900.0


class Bench:
    """Runs commands in one folder; `nas` is the program."""

    def __init__(self, nas: list[str], folder: Path) -> None:
        self._nas = nas
        self._folder = folder
        self._environment = dict(os.environ, OMP_NUM_THREADS="1")
        self._environment["XDG_CACHE_HOME"] = str(folder / "warm")

    def command(self, *arguments: str, cold: bool = False) -> float:
        """Of a command that ends by itself."""
        return self._cpu([*self._nas, *arguments], cold)

    def unit(self) -> float:
        return self._cpu(UNIT, cold=False)

    def _cpu(self, command: list[str], cold: bool) -> float:
        with self._started(command, cold) as process:
            _, _, used = os.wait4(process.pid, 0)
            process.returncode = 0
        return used.ru_utime + used.ru_stime

    def first_step(self, *arguments: str, cold: bool = False) -> float:
        """Of a search until its first epoch."""
        with tempfile.TemporaryDirectory(dir=self._folder) as here:
            ledger, images = Path(here) / "runs.db", Path(here) / "images"
            _write_images(images)
            search = [*self._nas, "search", "--budget", "4m", "--batch-size", "64"]
            search += ["--dataset", f"folder:{images}", "--db", str(ledger)]
            with self._started([*search, *arguments], cold) as process:
                until = time.monotonic() + LONGEST
                while time.monotonic() < until and process.poll() is None:
                    if _epochs(ledger):
                        return _cpu_of(process.pid)
                    time.sleep(0.05)
        raise RuntimeError(f"no epoch of {search} within {LONGEST:g} s")

    def _started(self, command: list[str], cold: bool) -> "_Process":
        environment = self._environment
        if cold:
            environment = environment | {"XDG_CACHE_HOME": tempfile.mkdtemp(dir=self._folder)}
        return _Process(command, self._folder, environment)


class _Process(subprocess.Popen[bytes]):
    """Goes, with all that it started, at the end of its block."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str]) -> None:
        null = subprocess.DEVNULL
        super().__init__(command, cwd=folder, env=environment, stdout=null, stderr=null)

    def __exit__(self, *error: Any) -> None:
        if self.poll() is None:
            for process in _tree(self.pid):
                with suppress(psutil.Error):
                    process.kill()
        super().__exit__(*error)


def _write_images(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for name, grey in (("dark", 60), ("light", 190)):
        (folder / name).mkdir(parents=True)
        for i in range(IMAGES):
            pixels = rng.normal(grey, 30, (8, 8)).clip(0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(folder / name / f"{i}.png")


def _tree(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def _cpu_of(pid: int) -> float:
    """Of a process and its descendants so far, those that have ended and were waited for too."""
    total = 0.0
    for process in _tree(pid):
        with suppress(psutil.Error):
            used = process.cpu_times()
            total += used.user + used.system + used.children_user + used.children_system
    return total


def _epochs(ledger: Path) -> int:
    if not ledger.exists():
        return 0
    with (
        suppress(sqlite3.Error),
        closing(sqlite3.connect(f"file:{ledger}?mode=ro", uri=True)) as db,
    ):
        found: int = db.execute("select count(*) from epochs").fetchone()[0]
        return found
    return 0


def measures(bench: Bench) -> dict[str, Callable[[], float]]:
    """What is measured, by name. Warm ones come after a cold one has filled the cache."""
    search = ("search", "--dry-run")
    return {
        "help": lambda: bench.command("--help"),
        "spaces": lambda: bench.command("spaces"),
        "status": lambda: bench.command("status"),
        "dry-run tiny, cold": lambda: bench.command(*search, "tiny", cold=True),
        "dry-run tiny, warm": lambda: bench.command(*search, "tiny"),
        "dry-run moe4, warm": lambda: bench.command(*search, "moe4"),
        "first step, cold": lambda: bench.first_step(cold=True),
        "first step, warm": lambda: bench.first_step(),
        "first step, warm, Ray": lambda: bench.first_step("--executor", "ray"),
    }


def rounds(bench: Bench, names: list[str], runs: int) -> Iterator[dict[str, float]]:
    chosen = {name: measure for name, measure in measures(bench).items() if name in names}
    for name, measure in chosen.items():
        if "warm" in name:  # fills the cache
            measure()
    for _ in range(runs):
        yield {"unit": bench.unit()} | {name: measure() for name, measure in chosen.items()}


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--only", default="", help="names that begin so, as in help,first")
    options.add_argument("--nas", default=f"{sys.executable} -m nas.cli")
    options.add_argument("--json", action="store_true")
    arguments = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(arguments.nas.split(), Path(folder))
        wanted = tuple(arguments.only.split(","))
        names = [name for name in measures(bench) if name.startswith(wanted)]
        found: list[dict[str, float]] = []
        for taken in rounds(bench, names, arguments.runs):
            found.append(taken)
            print(json.dumps(taken), file=sys.stderr)
    if arguments.json:
        print(json.dumps(found))
        return
    for name in found[0]:
        seconds = [taken[name] for taken in found]
        units = statistics.median(taken[name] / taken["unit"] for taken in found)
        print(f"{name:<26}{min(seconds):6.2f}–{max(seconds):.2f} s   {units:5.2f} units")


if __name__ == "__main__":
    main()
