"""A ledger on a PostgreSQL server: the same rows, the same turns, and its own troubles."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from ledger_filled import fill
from ledger_maker import CODE, Maker
from sqlalchemy import create_engine, make_url

import nas
from nas.ledger import Ledger, NewCandidate
from nas.ledger.backup import backup
from nas.ledger.summary import summary
from nas.schema import Cost, ProblemError, SearchConfig

TABLES = ("leaderboard", "family_yield", "cooccurrence", "coverage", "failures")


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Equal but for the clock."""
    times = [name for name in one.columns if name == "at" or name.endswith("_at")]
    pd.testing.assert_frame_equal(one.drop(columns=times), other.drop(columns=times))


@pytest.fixture
def both(
    tmp_path: Path, new_database: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> tuple[Ledger, Ledger]:
    """The same rows in both databases."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lite").mkdir()
    for where in (path := tmp_path / "lite" / "runs.db", url := new_database()):
        fill(where)
    return Ledger(path), Ledger(url)


def test_everything_read_is_the_same(both: tuple[Ledger, Ledger]) -> None:
    lite, post = both
    for name in ("campaigns", "candidates", "attempts", "epochs", "experts", "probes", "events"):
        same(getattr(lite, name)(), getattr(post, name)())
    for name in TABLES:
        same(nas.table(name, lite), nas.table(name, post))
    assert summary(post).worked_seconds == 12.5
    assert post.check() == []
    with pytest.raises(ProblemError, match="pg_dump"):
        backup(post, Path("copy.db"))


def test_numbers_beyond_32_bits(new_database: Callable[[], str], tmp_path: Path) -> None:
    maker = Maker(new_database())
    cost = Cost(params=2**40, macs=2**41, memory_bytes=2**42)
    drawn = NewCandidate(candidate=maker.candidate("ant_s", "bee_s"), code=CODE, cost=cost)
    assert maker.store.draw(lambda _: drawn)
    [row] = maker.ledger.candidates().itertuples()
    assert (row.params, row.macs, row.memory_bytes) == (2**40, 2**41, 2**42)


def test_a_reader_cannot_write(both: tuple[Ledger, Ledger]) -> None:
    _, post = both
    with pytest.raises(ProblemError, match="cannot be written"):
        post.update_config(1, SearchConfig())


def test_a_ledger_that_another_program_keeps_locked(new_database: Callable[[], str]) -> None:
    url = new_database()
    maker = Maker(url)
    other = create_engine(url)
    with other.begin() as connection:
        connection.exec_driver_sql("LOCK TABLE campaigns")
        maker.ledger.patience = lambda waited: False
        with pytest.raises(ProblemError, match="keeps the ledger locked"):
            maker.ledger.campaign_names()
    other.dispose()
    assert maker.ledger.campaign_names() == ["first"]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"database": "nowhere"}, "refuses the login"),
        ({"username": "nobody"}, "refuses the login"),
        ({"host": "127.0.0.1", "port": 1, "query": {}}, "does not answer"),
    ],
)
def test_servers_that_cannot_be_used(server: str, change: dict[str, object], match: str) -> None:
    url = make_url(server).set(**change)  # type: ignore[arg-type]
    with pytest.raises(ProblemError, match=match) as caught:
        Ledger(url.set(password="secret").render_as_string(hide_password=False), read_only=False)
    assert "--db" in caught.value.problem.fix
    assert "secret" not in str(caught.value)
