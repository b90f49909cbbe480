"""The default campaign, as `make search` runs it, but by trials rather than by the clock."""

from pathlib import Path

import pytest
from real_nas import nas, results

import nas as package


@pytest.mark.slow
@pytest.mark.ray
@pytest.mark.timeout(900)
def test_eight_trials_of_the_default_space(tmp_path: Path) -> None:
    said = nas("search", "--trials", "8", cwd=tmp_path, timeout=850)
    assert "Which candidates are best" in said
    assert "Which families earn their place" in said
    assert set(results(tmp_path).values()) == {"ok"}

    ledger = package.Ledger(tmp_path / "runs.db")
    yields = package.table("family_yield", ledger)
    assert len(yields) >= 12
    assert yields["draws"].sum() == 8 * 4
    assert yields["draws"].max() - yields["draws"].min() <= 1

    board = package.table("leaderboard", ledger)
    assert len(board) == 8
    assert board["val_acc"].max() > 0.95
    assert board["lift_over_alone"].notna().all()  # every member's control has ended
