"""The schema: migrations make what the models say, and old ledgers stay readable."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from ledger_filled import fill

from nas.ledger import CampaignStore, Ledger, Owner, database
from nas.ledger.backup import backup
from nas.ledger.datasets import manifest_of
from nas.ledger.lookup import find
from nas.ledger.models import Base
from nas.ledger.summary import summary
from nas.schema import ProblemError, Status

MIGRATIONS = Path(database.__file__).with_name("migrations") / "versions"
OLD = sorted((Path(__file__).parent / "data").glob("runs-*.sql"))
"""Ledgers as each schema version wrote them. Never edited: a new version adds a file, made by
`ledger_filled.fill` and `sqlite3 runs.db .dump`."""


def schema(path: Path) -> set[tuple[str, str]]:
    with closing(sqlite3.connect(path)) as connection:
        return set(connection.execute("SELECT name, sql FROM sqlite_master"))


def test_migrations_make_the_models(where: Path | str) -> None:
    ledger = Ledger(where, read_only=False)
    with ledger._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, Base.metadata) == []
    ledger.close()


def test_head_is_the_newest_migration() -> None:
    versions = sorted(path.name.split("_")[0] for path in MIGRATIONS.glob("[0-9]*.py"))
    assert versions[-1] == database.HEAD


def test_every_version_has_an_old_ledger() -> None:
    assert [path.stem.removeprefix("runs-") for path in OLD] == sorted(
        path.name.split("_")[0] for path in MIGRATIONS.glob("[0-9]*.py")
    )


@pytest.mark.parametrize("old", OLD, ids=lambda path: path.stem)
def test_an_old_ledger_is_backed_up_as_it_is(old: Path, tmp_path: Path) -> None:
    path, copy = tmp_path / "runs.db", tmp_path / "copy.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(old.read_text(encoding="utf-8"))
        there = list(connection.iterdump())
    backup(Ledger(path, older=True), copy)
    with closing(sqlite3.connect(copy)) as connection:
        assert list(connection.iterdump()) == there
        connection.execute("DROP TABLE epochs")
    with pytest.raises(ProblemError, match="damaged: the table epochs missing"):
        backup(Ledger(copy, older=True), tmp_path / "second.db")
    assert not (tmp_path / "second.db").exists()


@pytest.mark.parametrize("old", OLD, ids=lambda path: path.stem)
def test_an_old_ledger_is_brought_up_to_date(old: Path, tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(old.read_text(encoding="utf-8"))
    ledger = Ledger(path, read_only=False)
    fill(tmp_path / "fresh.db")
    assert schema(path) == schema(tmp_path / "fresh.db")

    candidates = ledger.candidates()
    assert candidates["families"].tolist() == ["ant+bee", "ant+bee", "ant", "bee+cat", "cat+dog"]
    assert candidates["role"].tolist() == ["search", "confirm", "control", "search", "search"]
    assert candidates["outcome"].tolist()[:4] == ["ok", "ok", "ok", "nan"]
    assert candidates["base_key"].tolist()[:2] == [candidates["key"][0]] * 2
    attempts = ledger.attempts()
    assert attempts["val_acc"].tolist()[:3] == [0.9, 0.8, 0.7]
    assert attempts["message"].tolist()[3] == "the loss is not a number"
    assert len(ledger.epochs()) == 6
    assert ledger.experts()["family"].tolist() == ["ant", "bee"]
    assert ledger.events()["family"].tolist() == ["cat"]
    assert ledger.probes()["model"].tolist() == ["bee_m"]
    measured = ledger.metrics()
    assert len(measured) == (0 if old.stem < "runs-0007" else 24)
    assert len(ledger.diagnostics()) == (0 if old.stem < "runs-0007" else 3)
    assert "def build" in find(ledger, "#0").candidate.code
    assert summary(ledger).worked_seconds == 12.5
    recorded = manifest_of(ledger, ledger.campaign().id)
    assert (recorded is None) == (old.stem < "runs-0005")
    # A campaign goes on in it.
    store = CampaignStore(ledger, ledger.campaign().id, Owner.me())
    assert [record.status for record in store.records()] == [Status.OK, Status.NAN, None]


def test_opening_again_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "runs.db"
    fill(path)
    before = path.read_bytes()
    Ledger(path, read_only=False).close()
    reader = Ledger(path)
    reader.attempts()
    reader.close()
    assert path.read_bytes() == before
