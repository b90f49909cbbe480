"""The real command in real processes, on a space of timm's smallest networks."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SPACE = """\
description: Five of timm's test networks, for tests.
image_size: 32
experts:
  choose: 2
  families:
    byobnet: [test_byobnet]
    efficientnet: [test_efficientnet]
    mambaout: [test_mambaout]
    nfnet: [test_nfnet]
    resnet: [test_resnet]
choices:
  mixing: [soft, top1]
recipe: {epochs: 2, batch_size: 64, lr: 0.003}
"""


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "nas.cli", *arguments]


def environment() -> dict[str, str]:
    return {**os.environ, "COLUMNS": "200", "NO_COLOR": "1", "OMP_NUM_THREADS": "1"}


def run(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Runs `nas` to its end."""
    return subprocess.run(
        command(*arguments),
        cwd=cwd,
        env={**environment(), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=280,
    )


def nas(*arguments: str, cwd: Path, code: int = 0) -> str:
    """As `run`, and gives what it printed; fails on another exit code."""
    done = run(*arguments, cwd=cwd)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def write_space(folder: Path) -> str:
    path = folder / "five.yaml"
    path.write_text(SPACE)
    return str(path)


def results(folder: Path, db: str = "runs.db") -> dict[tuple[str, str], Any]:
    """(role, key) → final outcome of every candidate."""
    from nas.ledger import Ledger

    ledger = Ledger(folder / db)
    assert ledger.check() == []
    frame = ledger.candidates()
    return {(r.role, r.key): r.outcome for r in frame.itertuples()}
