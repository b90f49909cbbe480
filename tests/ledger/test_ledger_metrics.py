"""Tables whose rows have figures of any name: metrics, training events, diagnoses."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pandas as pd
import pytest
from ledger_filled import fill

from nas.ledger import Ledger
from nas.ledger.columns import DIAGNOSTICS, METRICS, TRAINING_EVENTS
from nas.schema import ProblemError


@pytest.fixture
def filled(tmp_path: Path) -> Ledger:
    fill(tmp_path / "runs.db")
    return Ledger(tmp_path / "runs.db")


def test_metrics(filled: Ledger) -> None:
    table = filled.metrics("first")
    assert table.columns.tolist() == list(METRICS)
    mine = table[(table["attempt"] == 1) & (table["epoch"] == 2)]
    columns = ["split", "layer", "metric", "expert", "value"]
    assert mine[columns].astype(object).where(mine[columns].notna(), None).values.tolist() == [
        ["train", "", "loss_balance", None, 1.25],
        ["val", "gate", "gate_entropy", None, 0.6],
        ["val", "gate", "expert_shares", 0, 0.25],
        ["val", "gate", "expert_shares", 1, 0.75],
    ]
    assert set(mine["families"]) == {"ant+bee"}


def test_metrics_of_the_last_epoch(filled: Ledger) -> None:
    every = filled.metrics()
    assert set(every["epoch"]) == {1, 2}
    latest = every.groupby("attempt")["epoch"].transform("max")
    expected = every[every["epoch"] == latest].reset_index(drop=True)
    pd.testing.assert_frame_equal(filled.metrics(last_epoch=True), expected)
    mine = filled.metrics("first", last_epoch=True)
    assert set(mine["attempt"]) == set(filled.metrics("first")["attempt"])


def test_metrics_by_name(filled: Ledger) -> None:
    every = filled.metrics()
    expected = every[every["metric"] == "gate_entropy"].reset_index(drop=True)
    assert len(expected)
    pd.testing.assert_frame_equal(filled.metrics(names=["gate_entropy", "none"]), expected)
    assert filled.metrics(names=()).empty


def test_training_events(filled: Ledger) -> None:
    table = filled.training_events()
    assert table.columns.tolist() == list(TRAINING_EVENTS)
    [event] = table.itertuples()
    assert (event.attempt, event.epoch, event.step, event.kind) == (1, 2, 7, "growth")
    assert (event.reason, event.data) == ("a plateau", {"expert": 1})


def test_diagnostics(filled: Ledger) -> None:
    table = filled.diagnostics()
    assert table.columns.tolist() == list(DIAGNOSTICS)
    assert table["metric"].tolist() == ["median_ms", "batches", "batches"]
    assert table["position"].tolist() == [pd.NA, 0, 1]
    assert table["value"].tolist() == [1.5, 1, 8]
    assert set(table["instrument"]) == {"latency"}


def test_a_ledger_without_any(tmp_path: Path) -> None:
    Ledger(tmp_path / "empty.db", read_only=False).close()
    ledger = Ledger(tmp_path / "empty.db")
    for table, columns in (
        (ledger.metrics(), METRICS),
        (ledger.training_events(), TRAINING_EVENTS),
        (ledger.diagnostics(), DIAGNOSTICS),
    ):
        assert table.empty
        assert table.columns.tolist() == list(columns)


@pytest.mark.parametrize("data", ['{"x": "much"}', '{"x": [1, null]}', "[1]", '{"x": true}'])
def test_figures_that_are_none(filled: Ledger, tmp_path: Path, data: str) -> None:
    filled.close()
    with closing(sqlite3.connect(tmp_path / "runs.db")) as connection:
        connection.execute("UPDATE metrics SET data = ? WHERE attempt_id = 2", (data,))
        connection.commit()
    with pytest.raises(ProblemError, match="metrics 2/1"):
        filled.metrics()
