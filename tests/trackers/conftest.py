"""The doors are tested on ledgers that are written as a campaign writes them."""

import os
from pathlib import Path

import pytest
from ledger_maker import Maker

os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # before it is imported


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "runs.db", dataset="digits", sampler="stratified", seed=0)
