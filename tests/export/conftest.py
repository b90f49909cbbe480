"""Tested on ledgers that are written as a campaign writes them."""

from pathlib import Path

import pytest
from ledger_maker import Maker


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "runs.db", dataset="digits", sampler="stratified", seed=0)
