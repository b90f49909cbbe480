"""`nas report --html` at 5,000 and 100,000 attempts: seconds to write, bytes, where the time goes.

`python benchmarks/page.py [--attempts 5000 …] [--keep FOLDER] [--profile] [--json]`

A synthetic campaign (`benchmarks/synthetic.py`) is written into a fresh ledger. The page is then
made by the command itself in a new process, start and imports counted. Targets: 3 s and 5 MB at
5,000 attempts, 10 s at 100,000.
"""

import argparse
import cProfile
import json
import math
import os
import platform
import pstats
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from synthetic import write

from nas.ledger import Ledger

TARGETS = {5_000: (3.0, 5.0), 100_000: (10.0, math.inf)}
"""Attempts → (seconds, megabytes)."""


def command(database: Path, page: Path) -> list[str]:
    return [sys.executable, "-m", "nas.cli", "report", "--html", str(page), "--db", str(database)]


def measure(folder: Path, attempts: int) -> dict[str, Any]:
    """Wall and processor seconds of the command, and the bytes it wrote."""
    database, page = folder / f"{attempts}.db", folder / f"{attempts}.html"
    if not database.exists():
        write(database, attempts)
    wall, before = time.perf_counter(), os.times()
    subprocess.run(command(database, page), check=True, stdout=subprocess.DEVNULL)
    after = os.times()
    return {
        "attempts": attempts,
        "wall": time.perf_counter() - wall,
        "cpu": after[2] + after[3] - before[2] - before[3],  # of children
        "bytes": page.stat().st_size,
    }


def profile(folder: Path, attempts: int) -> None:
    """Prints where the time goes, imports apart."""
    from nas.report.page import page

    profiler = cProfile.Profile()
    ledger = Ledger(folder / f"{attempts}.db")
    profiler.runcall(page, ledger)
    pstats.Stats(profiler).sort_stats("cumulative").print_stats(45)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--attempts", type=int, nargs="+", default=list(TARGETS))
    parser.add_argument("--keep", type=Path, help="keep ledgers and pages in this folder")
    parser.add_argument("--profile", action="store_true", help="print where the time goes")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    requests = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = requests.keep or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        took = [measure(folder, attempts) for attempts in requests.attempts]
        if requests.profile:
            for attempts in requests.attempts:
                profile(folder, attempts)
    if requests.json:
        machine = f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}"
        print(json.dumps({"machine": machine, "pages": took}))
        return
    for one in took:
        seconds, size = TARGETS.get(one["attempts"], (math.inf, math.inf))
        print(
            f"{one['attempts']:>7,} attempts: {one['wall']:.2f} s, {one['cpu']:.2f} s of processor,"
            f" {one['bytes'] / 1e6:.2f} MB (targets: {seconds:g} s, {size:g} MB)"
        )


if __name__ == "__main__":
    main()
