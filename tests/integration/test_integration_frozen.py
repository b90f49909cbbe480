"""A campaign that an earlier nas stopped half-way, frozen with its files, goes on with this one."""

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
from real_nas import nas

from nas.ledger import Ledger

FROZEN = Path(__file__).with_name("frozen")
"""One folder a campaign: `sqlite3 runs.db .dump`, and what lay beside it. Never edited."""


def thaw(name: str, folder: Path) -> None:
    """A copy of a frozen campaign, with its ledger as a database again."""
    shutil.copytree(FROZEN / name, folder, dirs_exist_ok=True)
    with closing(sqlite3.connect(folder / "runs.db")) as connection:
        connection.executescript((folder / "runs.sql").read_text())


def outcomes(attempts: pd.DataFrame) -> list[tuple[int, str]]:
    return list(zip(attempts["number"], attempts["outcome"], strict=True))


def test_a_campaign_of_one_s_own_template_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    thaw("nano", tmp_path)
    nas("doctor", "--migrate", cwd=tmp_path)
    before = Ledger(tmp_path / "runs.db").epochs()
    nas("resume", "frozen", cwd=tmp_path)
    ledger = Ledger(tmp_path / "runs.db")
    attempts = ledger.attempts()
    assert outcomes(attempts) == [
        *[(0, "ok"), (1, "interrupted"), (1, "ok"), (2, "ok"), (3, "ok")],
    ]
    assert attempts["resumed_from"].tolist()[2] == attempts["attempt"].tolist()[1]
    after = ledger.epochs().groupby("attempt")["epoch"].agg(list)
    done = before.groupby("attempt")["epoch"].agg(list)
    assert after.loc[1] == done.loc[1]
    assert after.loc[2] == [1, 2, 3, 4]
    assert after.loc[3] == [5, 6]
    nas("export", "#0", "-o", "exported", cwd=tmp_path)
    assert (tmp_path / "exported" / "weights.safetensors").exists()
