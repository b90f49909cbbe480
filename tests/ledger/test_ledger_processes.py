"""Several processes in one ledger, and processes that are killed while they write."""

import os
import random
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest
from ledger_workers import SPACE, candidate, start, store

from nas.ledger import Ledger, Owner
from nas.schema import SearchConfig, Status

Spawn = Callable[..., "subprocess.Popen[str]"]


def campaign(path: Path | str) -> None:
    ledger = Ledger(path, read_only=False)
    ledger.create_campaign("first", SPACE, SearchConfig())
    ledger.close()


@pytest.mark.proof
def test_a_fresh_ledger_opened_by_several_processes_at_once(
    where: Path | str, spawn: Spawn
) -> None:
    names = ["c0", "c1", "c2"]
    processes = [spawn("create", where, name) for name in names]
    unnamed = 5
    processes += [spawn("create", where) for _ in range(unnamed)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    for process in processes:
        process.communicate()
    assert {process.returncode for process in processes} == {0}
    chosen = ["eight-digits", *(f"eight-digits-{n}" for n in range(2, unnamed + 1))]
    assert sorted(Ledger(where).campaign_names()) == names + chosen


@pytest.mark.proof
def test_several_drivers_draw_and_train_everything_exactly_once(
    where: Path | str, spawn: Spawn
) -> None:
    limit = 60
    campaign(where)
    processes = [spawn("train_all", where, limit) for _ in range(4)]
    messages = [process.communicate()[0].split() for process in processes]
    assert all(process.returncode == 0 for process in processes)
    numbers = sorted(int(number) for lines in messages for number in lines)
    assert numbers == list(range(limit))
    ledger = Ledger(where)
    candidates, attempts = ledger.candidates(), ledger.attempts()
    # The order is the sequence's own, whoever drew: 60 draws as one driver would have made them.
    assert candidates["key"].tolist() == [candidate(n).key for n in range(limit)]
    assert candidates["number"].tolist() == list(range(limit))
    assert (candidates["outcome"] == "ok").all()
    assert len(attempts) == limit
    assert attempts["final"].all()
    assert len(ledger.epochs()) == limit


@pytest.mark.proof
def test_ten_kills_in_mid_write_lose_nothing(tmp_path: Path, spawn: Spawn) -> None:
    path = tmp_path / "runs.db"
    campaign(path)
    rng = random.Random(0)
    done: set[int] = set()
    for _ in range(10):
        process = spawn("train_all", path, 100_000)
        assert process.stdout is not None
        done.add(int(process.stdout.readline()))  # it is at work
        time.sleep(rng.uniform(0.0, 0.3))
        process.kill()
        rest, _ = process.communicate(timeout=30)
        done.update(int(line) for line in rest.split("\n")[:-1])  # whole lines
        with closing(sqlite3.connect(path)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        candidates = Ledger(path).candidates()
        assert candidates["number"].tolist() == list(range(len(candidates)))
        finished = set(candidates.loc[candidates["outcome"] == "ok", "number"])
        assert done <= finished  # what was said to be committed is there
        assert len(candidates) - len(finished) <= 10  # at most one was open at each kill
    # The next driver takes up what the dead ones left, each once.
    mine = store(path)
    left = int(Ledger(path).candidates()["outcome"].isna().sum())
    claims = [mine.reclaim() for _ in range(left)]
    assert len({leased.number for leased in claims if leased}) == left
    assert mine.reclaim() is None


@pytest.mark.proof
def test_a_killed_driver_s_candidate_is_taken_over_at_once(tmp_path: Path, spawn: Spawn) -> None:
    path = tmp_path / "runs.db"
    campaign(path)
    process = spawn("hang", path)
    assert process.stdout is not None
    owner = Owner.parse(process.stdout.readline().strip())
    assert owner.pid == process.pid
    assert not owner.surely_dead()
    mine = store(path)
    assert mine.reclaim() is None
    assert mine.open_elsewhere() == 1
    os.kill(process.pid, signal.SIGKILL)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert owner.surely_dead()  # a zombie still
    process.communicate()
    assert owner.surely_dead()
    assert mine.open_elsewhere() == 0
    leased = mine.reclaim()  # its lease had most of a minute to go
    assert leased is not None
    assert (leased.deaths, leased.setbacks) == (0, 0)  # it got an epoch further
    [old] = leased.earlier
    [row] = Ledger(path).attempts().itertuples()
    assert (row.attempt, row.outcome, row.epochs) == (old.attempt, Status.KILLED, 1)
    assert row.seconds == 2.0  # of the one epoch it reported
    assert start(mine, leased) != old.attempt
