"""The tidy DataFrames: stable columns, honest gaps, few queries."""

import re
from pathlib import Path

import pandas as pd
import pytest
from ledger_maker import CONDITIONS, PROBE, SPACE, Maker, epoch
from sqlalchemy import event

from nas.ledger import Ledger, Owner, columns, figure_frames, frames
from nas.ledger.diagnoses import put_diagnosis
from nas.ledger.drivers import at_work
from nas.schema import Outcome, Role, SearchConfig, Status, TrainingEvent

NAMES = (
    *("campaigns", "candidates", "attempts", "epochs", "experts", "probes", "events"),
    *("metrics", "training_events", "diagnostics"),
)


@pytest.fixture
def maker(tmp_path: Path) -> Maker:
    return Maker(tmp_path / "runs.db", dataset="digits", sampler="uniform", budget_seconds=60.0)


def fill(maker: Maker) -> None:
    maker.trained("ant_s", "bee_m", val=0.9, test=0.8, inside=(0.7, 0.6), usage=(0.4, 0.6))
    maker.failed("cat_s", "dog_s", mixing="top1")
    maker.control("ant_s", 0.75)
    running = maker.start(maker.draw("ant_s", "cat_s"))
    maker.store.epoch(running, epoch().with_(events=(TrainingEvent(kind="growth", step=3),)))
    found = {"environment": {}, "device": "cpu", "seconds": 0.1, "figures": {"ms": 1.0}}
    put_diagnosis(maker.ledger, 1, "latency", **found)  # type: ignore[arg-type]
    maker.store.event("benched", family="dog", after=6)
    maker.ledger.put_profiles(CONDITIONS, [PROBE])


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_ledger_has_the_same_columns_and_dtypes(maker: Maker, name: str) -> None:
    empty = getattr(maker.ledger, name)()
    assert len(empty) == (1 if name == "campaigns" else 0)
    fill(maker)
    full = getattr(maker.ledger, name)()
    assert len(full) > 0
    assert list(empty.columns) == list(full.columns)
    plain = list(getattr(columns, name.upper()))
    assert list(full.columns)[: len(plain)] == plain
    assert (empty.dtypes[plain] == full.dtypes[plain]).all()
    assert all(column.startswith("gate_") for column in full.columns[len(plain) :])


@pytest.mark.parametrize("name", NAMES)
def test_every_column_is_documented(name: str) -> None:
    module = frames if hasattr(frames, name) else figure_frames
    doc = getattr(module, name).__doc__
    named = set(re.findall(r"`([a-z_]+)`", doc))
    assert set(getattr(columns, name.upper())) <= named


def test_events_do_not_name_the_machines_that_run_a_campaign(maker: Maker) -> None:
    with at_work(maker.ledger, maker.campaign, Owner.me()):
        maker.store.event("benched", family="dog", after=6)
        assert maker.ledger.events()["kind"].tolist() == ["benched"]
        assert maker.ledger.events("first")["kind"].tolist() == ["benched"]


def test_a_ledger_without_campaigns(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "runs.db", read_only=False)
    for name in NAMES:
        frame = getattr(ledger, name)()
        assert list(frame.columns) == list(getattr(columns, name.upper()))
        assert frame.empty


def test_values(maker: Maker) -> None:
    fill(maker)
    ledger = Ledger(maker.path)  # read-only
    ok, failed, _, running = ledger.attempts().itertuples()
    assert (ok.families, ok.members, ok.gate_mixing) == ("ant+bee", "ant_s+bee_m", "soft")
    assert (ok.outcome, ok.val_acc, ok.test_acc, ok.epochs) == ("ok", 0.9, 0.8, 2)
    assert (ok.params, ok.macs, ok.memory_bytes) == (1234, 2000, 3000)  # measured, estimates
    assert (ok.planned_epochs, ok.image_size, ok.dataset) == (2, 32, "digits")
    assert (ok.campaign, ok.role, ok.number, ok.attempt_number) == ("first", "search", 0, 1)
    assert ok.final
    assert str(ok.started_at.tz) == "UTC"
    assert abs(pd.Timestamp.now("UTC") - ok.started_at) < pd.Timedelta(minutes=10)
    assert (failed.outcome, failed.stage, failed.message) == ("oom", "train", "out of memory")
    assert pd.isna(failed.val_acc)
    assert failed.params == 1000  # no measurement: the estimate
    assert (failed.gate_mixing, failed.seconds) == ("top1", 5.0)
    assert pd.isna(running.outcome)
    assert pd.isna(running.ended_at)
    assert (running.final, running.epochs) == (False, 1)

    ant, bee = ledger.experts().itertuples()
    assert (ant.family, ant.model, ant.val_acc, ant.usage) == ("ant", "ant_s", 0.7, 0.4)
    assert (bee.family, bee.position, bee.final, bee.families) == ("bee", 1, True, "ant+bee")
    some = ledger.epochs(columns=("val_acc", "role", "epoch"))
    pd.testing.assert_frame_equal(some, ledger.epochs()[["role", "epoch", "val_acc"]])
    first = ledger.epochs().iloc[0]
    assert (first["epoch"], first["val_acc"], first["usage"]) == (1, 0.45, [0.25, 0.75])
    [probe] = ledger.probes().itertuples()
    assert (probe.model, probe.args, probe.params) == ("bee_m", '{"img_size": 32}', 7)
    assert (probe.image_size, probe.torch, probe.ok) == (32, "2.8", True)
    [benched] = ledger.events().itertuples()
    assert (benched.kind, benched.family, benched.data["after"]) == ("benched", "dog", 6)
    [campaign] = ledger.campaigns().itertuples()
    assert (campaign.space, campaign.dataset, campaign.sampler) == ("toy", "digits", "uniform")
    assert campaign.budget_seconds == 60.0
    assert pd.isna(campaign.trials)


def test_all_attempts_of_a_candidate(maker: Maker) -> None:
    leased = maker.draw("ant_s", "bee_s")
    killed = Outcome(status=Status.KILLED)
    attempt = maker.start(leased)
    maker.store.finish(leased, attempt, killed, final=False)
    maker.finish(leased, Outcome(status=Status.OK, val_acc=0.5), final=True)
    attempts = maker.ledger.attempts()
    assert attempts["attempt_number"].tolist() == [1, 2]
    assert attempts["final"].tolist() == [False, True]
    assert attempts["candidate"].nunique() == 1
    [candidate] = maker.ledger.candidates().itertuples()
    assert (candidate.attempts, candidate.deaths, candidate.outcome) == (2, 1, "ok")


def test_campaigns_are_kept_apart(maker: Maker) -> None:
    fill(maker)
    again = SPACE.with_(name="other", choices=())
    second = maker.ledger.create_campaign("second", again, SearchConfig())
    assert second == 2
    everything = maker.ledger.attempts()
    assert len(maker.ledger.attempts("first")) == len(everything) == 4
    empty = maker.ledger.attempts("second")
    assert empty.empty
    assert "gate_mixing" in everything
    assert "gate_mixing" not in empty  # that space has no such axis


def test_replicates_know_what_they_repeat(maker: Maker) -> None:
    first = maker.trained("ant_s", "bee_s", val=0.9)
    other = maker.trained("ant_s", "bee_s", val=0.8, mixing="top1")
    maker.trained("ant_s", "bee_s", val=0.7, replicate=1, role=Role.CONFIRM)
    maker.trained("ant_s", "bee_s", val=0.6, replicate=2, role=Role.CONFIRM)
    keys = [first.candidate.key, other.candidate.key]
    frame = maker.ledger.candidates()
    assert frame["base_key"].tolist() == [keys[0], keys[1], keys[0], keys[0]]
    assert frame["replicate"].tolist() == [0, 0, 1, 2]
    assert frame["key"].nunique() == 4


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_queries_does_not_grow(maker: Maker, name: str) -> None:
    statements: list[str] = []
    event.listen(
        maker.ledger._engine,
        "before_cursor_execute",
        lambda conn, cursor, statement, *rest: statements.append(statement),
    )
    counts = []
    for _ in range(2):
        for replicate in range(5):
            fresh = replicate + 10 * len(counts)
            maker.trained("ant_s", "bee_s", val=0.5, inside=(0.4, 0.4), replicate=fresh)
        statements.clear()
        getattr(maker.ledger, name)()
        counts.append(len(statements))
    assert counts[0] == counts[1] <= 6
