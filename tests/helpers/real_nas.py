"""The real command in real processes, on a space of timm's smallest networks."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

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

NANO = """\
\"\"\"A tiny network that waits.\"\"\"

import os
import time

import torch
from torch import nn

WIDTH = {{ axis("width", 4, minimum=1, maximum=512) | literal }}
NAP = {{ axis("nap", 0.0, minimum=0.0, maximum=10.0) | literal }}


class Net(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.conv = nn.Conv2d(3, WIDTH, 3, padding=1)
        self.head = nn.Linear(WIDTH * 64, num_classes)

    def forward(self, x):
        if "NO_NAPS" not in os.environ:
            time.sleep(NAP)
        return self.head(torch.relu(self.conv(x)).flatten(1))


def build(num_classes):
    return Net(num_classes)
"""
"""A template without families: no member to profile, and trained in a moment."""


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


@contextlib.contextmanager
def started(*arguments: str, cwd: Path, **options: Any) -> "Iterator[subprocess.Popen[Any]]":
    """As `run`, while a block is run: whatever happens there, `nas` is gone after it."""
    with subprocess.Popen(command(*arguments), cwd=cwd, env=environment(), **options) as process:
        try:
            yield process
        finally:
            process.kill()


def inside(*arguments: str, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """As `run`, in this process, which has imported everything: seconds of each call."""
    from nas.cli.__main__ import main

    out, err = io.StringIO(), io.StringIO()
    code: object = 0
    with (
        none_opened(),
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        mock.patch.object(sys, "argv", ["nas", *arguments]),
        mock.patch.dict(os.environ, env),
    ):
        try:
            main()
        except SystemExit as ended:
            code = ended.code
    return subprocess.CompletedProcess(
        arguments, int(str(code or 0)), out.getvalue(), err.getvalue()
    )


@contextlib.contextmanager
def none_opened() -> Iterator[None]:
    """As in a process of its own, which knows of no ledger that this one has opened."""
    from nas.ledger.base import OPENED

    before = OPENED[:]
    OPENED.clear()
    try:
        yield
    finally:
        OPENED[:] = before


def nas(*arguments: str, cwd: Path, code: int = 0, **env: str) -> str:
    """As `run`, and gives what it printed; fails on another exit code."""
    return _printed(run(*arguments, cwd=cwd, **env), code)


def nas_inside(*arguments: str, cwd: Path, code: int = 0) -> str:
    """As `nas`, in this process."""
    return _printed(inside(*arguments, cwd=cwd), code)


def _printed(done: subprocess.CompletedProcess[str], code: int) -> str:
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def write_space(folder: Path) -> str:
    path = folder / "five.yaml"
    path.write_text(SPACE)
    return str(path)


def write_nano(folder: Path, *, nap: float = 0.0, epochs: int = 2) -> str:
    """A space of four NANO networks of 8 px; each waits `nap` seconds a batch, but where NO_NAPS
    is in the environment."""
    (folder / "templates").mkdir(exist_ok=True)
    (folder / "templates" / "nano.py.j2").write_text(NANO)
    path = folder / "nano.yaml"
    path.write_text(
        "template: nano\nimage_size: 8\n"
        f"choices:\n  width: [2, 3, 4, 5]\n  nap: [{nap}]\n"
        f"recipe: {{epochs: {epochs}, batch_size: 64, lr: 0.006, mixup_alpha: 0, augment: none}}\n"
    )
    return str(path)


def results(folder: Path, db: str = "runs.db") -> dict[tuple[str, str], Any]:
    """(role, key) → final outcome of every candidate."""
    from nas.ledger import Ledger

    ledger = Ledger(folder / db)
    assert ledger.check() == []
    frame = ledger.candidates()
    return {(r.role, r.key): r.outcome for r in frame.itertuples()}
