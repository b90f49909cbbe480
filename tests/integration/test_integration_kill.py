"""`kill -9` of a real campaign's driver, with Ray and without: the ledger ends exact."""

import random
import subprocess
import time
from pathlib import Path

import pytest
from real_nas import nas, results, started, write_nano
from sqlalchemy import func, select

from nas.ledger import Ledger, models
from nas.schema import ProblemError

STARTS = (("ray", 1), ("local", 0), ("local", 2), ("ray", 0), ("local", 1))
"""The executor of each start, and how many epochs further it gets before its kill; 0 is killed
while it starts. In epochs, not in seconds: a fast machine would be done before the last kill."""


@pytest.mark.proof
@pytest.mark.ray
@pytest.mark.timeout(600)
def test_a_campaign_killed_five_times_ends_like_one_that_never_was(tmp_path: Path) -> None:
    space = write_nano(tmp_path, nap=0.03, epochs=6)
    start = ["search", space, "--trials", "4", "--retries", "9", "-w", "2"]
    nas(*start, "--executor", "local", "--db", "calm.db", cwd=tmp_path)

    moments = random.Random(20)
    for executor, further in STARTS:
        silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        with started(*start, "--executor", executor, cwd=tmp_path, **silent) as driver:
            _let_run(driver, tmp_path, further)
            time.sleep(moments.uniform(0.0, 0.5) if further else moments.uniform(1.0, 10.0))
            assert driver.poll() is None, "the campaign ended before its kill"
            driver.kill()
        if _epochs(tmp_path) is not None:
            start = ["resume"]
    time.sleep(random.Random(21).uniform(0.0, 4.0))  # old workers may still be dying
    nas("resume", cwd=tmp_path)
    assert results(tmp_path) == results(tmp_path, "calm.db")
    assert set(results(tmp_path).values()) == {"ok"}
    assert accuracies(tmp_path) == accuracies(tmp_path, "calm.db")
    attempts = Ledger(tmp_path / "runs.db").attempts()
    assert (attempts["outcome"] == "killed").sum() > 0, "no kill hit a trial at work"


def accuracies(folder: Path, db: str = "runs.db") -> dict[str, float]:
    """Key → validation accuracy."""
    candidates = Ledger(folder / db).candidates()
    return dict(zip(candidates["key"], candidates["val_acc"], strict=True))


def _let_run(driver: "subprocess.Popen[bytes]", folder: Path, further: int) -> None:
    """Until so many more epochs are recorded."""
    goal = (_epochs(folder) or 0) + further
    end = time.monotonic() + 240
    while further and (_epochs(folder) or 0) < goal and driver.poll() is None:
        assert time.monotonic() < end, "no further epoch in four minutes"
        time.sleep(0.1)


def _epochs(folder: Path) -> int | None:
    """How many epochs the ledger holds; None while there is no campaign."""
    try:
        with Ledger(folder / "runs.db").session() as session:
            found = session.scalar(select(func.count()).select_from(models.Epoch))
            return found if session.scalar(select(models.Campaign.id)) else None
    except ProblemError:
        return None
