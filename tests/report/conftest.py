"""Reports are tested on ledgers that are written as a campaign writes them."""

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "ledger"))

from ledger_maker import Maker


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "runs.db", dataset="digits", data_root=str(tmp_path))
