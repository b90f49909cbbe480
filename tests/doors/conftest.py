"""The doors are tested on ledgers that are written as a campaign writes them."""

import os
import sys
from pathlib import Path

import pytest

sys.path += [
    str(Path(__file__).parents[1] / room) for room in ("ledger", "campaign", "integration")
]

from ledger_maker import Maker

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # before it is imported


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "runs.db", dataset="digits", sampler="stratified", seed=0)
