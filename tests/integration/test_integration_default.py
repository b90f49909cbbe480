"""The default campaign, as `make search` runs it, but by trials rather than by the clock, while
somebody reads its reports all the time."""

import subprocess
import time
from pathlib import Path

import pytest
from real_nas import nas_inside, results, started

import nas as package
from nas.schema import ProblemError

READS = (["report", "family_yield"], ["report", "--html", "page.html"], ["status", "--json"])


def has_begun(folder: Path) -> bool:
    """Whether there is a campaign; for a moment there is no more than a file."""
    try:
        return bool(package.Ledger(folder / "runs.db").campaign_names())
    except ProblemError:
        return False


@pytest.mark.proof
@pytest.mark.ray
@pytest.mark.timeout(900)
def test_three_trials_of_the_default_space(tmp_path: Path) -> None:
    piped = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    reads = 0
    with started("search", "--trials", "3", cwd=tmp_path, **piped) as campaign:
        while campaign.poll() is None:
            if has_begun(tmp_path):
                nas_inside(*READS[reads % len(READS)], cwd=tmp_path)
                reads += 1
            time.sleep(1.0 if reads < len(READS) else 8.0)  # each first of all once
        messages, _ = campaign.communicate()
    assert campaign.returncode == 0, messages
    assert reads >= len(READS)
    assert "keeps the ledger locked" not in messages
    assert "The draw looks fair" in messages
    assert "Which candidates are best" in messages
    assert "Which families earn their place" in messages
    assert set(results(tmp_path).values()) == {"ok"}

    ledger = package.Ledger(tmp_path / "runs.db")
    yields = package.table("family_yield", ledger)
    assert yields["draws"].tolist() == [1] * 12

    board = package.table("leaderboard", ledger)
    assert len(board) == 3
    assert board["val_acc"].max() > 0.95
    assert board["lift_over_alone"].notna().all()  # every member's control has ended
