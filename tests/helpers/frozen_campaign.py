"""Campaigns that an earlier nas stopped half-way, kept with their files."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

FROZEN = Path(__file__).parents[1] / "integration" / "frozen"
"""One folder a campaign: `sqlite3 runs.db .dump`, and what lay beside it. Never edited."""


def thaw(name: str, folder: Path) -> None:
    """A copy of a frozen campaign, with its ledger as a database again."""
    shutil.copytree(FROZEN / name, folder, dirs_exist_ok=True)
    with closing(sqlite3.connect(folder / "runs.db")) as connection:
        connection.executescript((folder / "runs.sql").read_text())
