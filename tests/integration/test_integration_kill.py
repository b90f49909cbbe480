"""`kill -9` of a real Ray campaign's driver, again and again, and the ledger ends exact."""

import random
import signal
import subprocess
import time
from pathlib import Path

import pytest
from real_nas import command, environment, nas, results, write_space

from nas.ledger import Ledger
from nas.spec import ProblemError

KILLS = 5


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(600)
def test_a_campaign_killed_five_times_ends_like_one_that_never_was(tmp_path: Path) -> None:
    space = write_space(tmp_path)
    arguments = [space, "--trials", "6", "--retries", "9", "--executor"]
    nas("search", *arguments, "local", "-w", "2", "--db", "calm.db", cwd=tmp_path)

    moments = random.Random(20)
    start = ["search", *arguments, "ray", "-w", "2"]
    killed = 0
    while killed < KILLS:
        driver = subprocess.Popen(
            command(*start),
            cwd=tmp_path,
            env=environment(),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        # A start takes about ten seconds: from before the first trial to well into several.
        try:
            driver.wait(moments.uniform(6.0, 26.0))
            break  # it came to its end between kills
        except subprocess.TimeoutExpired:
            driver.send_signal(signal.SIGKILL)
            driver.wait()
            killed += 1
        if (tmp_path / "runs.db").exists() and _has_campaign(tmp_path):
            start = ["resume"]
    assert killed == KILLS, "the campaign ended before it was killed often enough"
    time.sleep(random.Random(21).uniform(0.0, 4.0))  # old workers may still be dying
    nas("resume", cwd=tmp_path)
    assert results(tmp_path) == results(tmp_path, "calm.db")
    assert set(results(tmp_path).values()) == {"ok"}
    attempts = Ledger(tmp_path / "runs.db").attempts()
    assert (attempts["outcome"] == "killed").sum() > 0, "no kill hit a trial at work"


def _has_campaign(folder: Path) -> bool:
    try:
        return bool(Ledger(folder / "runs.db").campaign_names())
    except ProblemError:
        return False
