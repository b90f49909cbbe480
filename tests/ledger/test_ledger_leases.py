"""Who may write what: leases, heartbeats, fencing, and how often a candidate is tried again."""

import math
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from ledger_maker import COST, Maker, epoch
from sqlalchemy import update

from nas.ledger import CampaignStore, LeasedCandidate, Ledger, NewCandidate, Owner
from nas.ledger import models as m
from nas.ledger.errors import DamagedError
from nas.ledger.lookup import find
from nas.ledger.summary import summary
from nas.schema import Outcome, Record, Role, Status

OK = Outcome(status=Status.OK, epochs=2, val_acc=0.8, test_acc=0.7, seconds=3.0)


@pytest.fixture
def maker(where: str | Path) -> Iterator[Maker]:
    made = Maker(where)
    yield made
    made.ledger.close()


def other(maker: Maker) -> CampaignStore:
    """Another driver of the same campaign."""
    ledger = Ledger(maker.path, read_only=False)
    return CampaignStore(ledger, maker.campaign, Owner.me())


def start(store: CampaignStore, leased: LeasedCandidate) -> int:
    attempt, _ = store.start(
        leased, environment_id=1, device="cpu", memory_fraction=None, resumed_from=None
    )
    store.mark_started(attempt)
    return attempt


def test_a_lease_holds_and_a_heartbeat_renews_it(maker: Maker) -> None:
    second = other(maker)
    maker.store.lease_seconds = -1.0  # over as soon as it is given
    maker.draw("ant_s", "bee_s")
    maker.store.lease_seconds = 60.0
    maker.store.heartbeat(2.5)
    assert second.reclaim() is None
    assert second.open_elsewhere() == 1
    maker.store.lease_seconds = -1.0
    maker.store.heartbeat(1.5)
    assert second.open_elsewhere() == 0
    taken = second.reclaim()
    assert taken is not None
    assert (taken.number, taken.deaths) == (0, 0)  # no attempt of it died
    assert maker.ledger.campaign().worked_seconds == 4.0


def test_a_driver_that_lost_its_lease_is_fenced_off(maker: Maker) -> None:
    second = other(maker)
    maker.store.lease_seconds = -1.0
    leased = maker.draw("ant_s", "bee_s")
    old = maker.start(leased)
    taken = second.reclaim()
    assert taken is not None
    new = start(second, taken)
    maker.store.epoch(old, epoch(1, val_acc=0.99))
    second.epoch(new, epoch(1, val_acc=0.5))
    late = replace_val(OK, 0.99)
    assert not maker.store.finish(leased, old, late, final=True)
    assert second.finish(taken, new, OK, final=True)
    assert not maker.store.finish(leased, old, late, final=True)
    [candidate] = maker.ledger.candidates().itertuples()
    assert (candidate.outcome, candidate.val_acc, candidate.final_attempt) == ("ok", 0.8, new)
    assert maker.ledger.epochs()["attempt"].tolist() == [new]
    attempts = maker.ledger.attempts()
    assert attempts["outcome"].tolist() == ["killed", "ok"]
    assert attempts["final"].tolist() == [False, True]


def test_no_attempt_begins_after_the_lease_was_lost(maker: Maker) -> None:
    second = other(maker)
    maker.store.lease_seconds = -1.0
    leased = maker.draw("ant_s", "bee_s")
    taken = second.reclaim()
    assert taken is not None
    new = start(second, taken)
    slept = maker.store.start(
        leased, environment_id=1, device="cpu", memory_fraction=None, resumed_from=None
    )
    assert slept is None
    assert second.finish(taken, new, OK, final=True)
    [candidate] = maker.ledger.candidates().itertuples()
    assert (candidate.val_acc, candidate.final_attempt) == (0.8, new)


def replace_val(outcome: Outcome, val_acc: float) -> Outcome:
    return outcome.with_(val_acc=val_acc)


def test_a_result_is_taken_once(maker: Maker) -> None:
    leased = maker.draw("ant_s", "bee_s")
    attempt = maker.start(leased)
    assert maker.store.finish(leased, attempt, OK, final=True)
    assert not maker.store.finish(leased, attempt, replace_val(OK, 0.1), final=True)
    assert maker.ledger.attempts()["val_acc"].tolist() == [0.8]


def test_another_driver_may_draw_while_one_makes_up_its_mind(maker: Maker) -> None:
    """A proposal may start a process and import torch: the ledger is not locked meanwhile."""
    second = other(maker)
    first, last = (
        NewCandidate(candidate=maker.candidate(*members), code="pass\n", cost=COST)
        for members in (("ant_s", "bee_s"), ("cat_s", "dog_s"))
    )
    seen: list[int] = []

    def slowly(records: Sequence[Record]) -> NewCandidate:
        seen.append(len(records))
        if len(seen) == 1:
            leased = second.draw(lambda records: first)
            assert leased is not None
            assert leased.number == 0
        return last

    leased = maker.store.draw(slowly)
    assert leased is not None
    assert leased.number == 1
    assert seen == [0, 1]  # asked again, for what it had been shown was no longer all


def test_interrupted_is_free_for_anyone_and_no_death(maker: Maker) -> None:
    leased = maker.draw("ant_s", "bee_s")
    outcome = Outcome(status=Status.INTERRUPTED, epochs=1, seconds=2.0)
    attempt = maker.finish(leased, outcome, final=False)
    taken = other(maker).reclaim()
    assert taken is not None
    assert taken.deaths == 0
    assert [earlier.attempt for earlier in taken.earlier] == [attempt]


def attempt_that_reaches(
    last: int, store: CampaignStore, results: float = math.inf
) -> LeasedCandidate:
    """A driver takes a candidate up, records epochs up to `last`, and dies."""
    taken = store.reclaim(results=results)
    assert taken is not None
    attempt = start(store, taken)
    for number in range(1, last + 1):
        store.epoch(attempt, epoch(number))
    store.lease_seconds = -1.0
    store.heartbeat(0.0)
    return taken


def test_no_number_of_dead_drivers_ends_a_candidate(maker: Maker) -> None:
    maker.draw("ant_s", "bee_s")
    maker.store.lease_seconds = -1.0
    maker.store.heartbeat(0.0)
    seen = [attempt_that_reaches(0, other(maker)) for _ in range(9)]
    assert [leased.setbacks for leased in seen] == list(range(9))
    assert [leased.suspect for leased in seen] == [False, False] + [True] * 7
    assert {leased.deaths for leased in seen} == {0}
    assert maker.ledger.candidates()["outcome"].isna().all()
    assert set(maker.ledger.attempts()["stage"][:-1]) == {"driver"}
    assert summary(maker.ledger).failures == {}  # it is not the candidate that failed


def test_an_attempt_that_gets_further_is_no_setback(maker: Maker) -> None:
    maker.draw("ant_s", "bee_s")
    maker.store.lease_seconds = -1.0
    maker.store.heartbeat(0.0)
    reached = (0, 1, 2, 3, 3, 3, 4, 0)
    seen = [attempt_that_reaches(last, other(maker)).setbacks for last in reached]
    assert seen == [0, 1, 0, 0, 0, 1, 2, 0]


def test_what_may_take_its_driver_with_it_waits_for_others_results(maker: Maker) -> None:
    maker.draw("ant_s", "bee_s")
    maker.draw("cat_s", "dog_s")
    maker.store.lease_seconds = -1.0
    maker.store.heartbeat(0.0)
    for _ in range(3):
        assert attempt_that_reaches(0, other(maker), results=99).number == 0
    driver = other(maker)
    taken = driver.reclaim(results=7)
    assert taken is not None
    assert taken.number == 1
    assert driver.reclaim(results=7) is None
    taken = driver.reclaim(results=8)  # 2³
    assert taken is not None
    assert (taken.number, taken.setbacks) == (0, 3)


def test_a_retry_keeps_its_lease_and_its_half_batch(maker: Maker) -> None:
    leased = maker.draw("ant_s", "bee_s")
    attempt = maker.start(leased)
    out_of_memory = Outcome(status=Status.OOM, seconds=1.0)
    assert maker.store.finish(leased, attempt, out_of_memory, final=False, micro_batches=2)
    assert other(maker).reclaim() is None
    again = maker.start(replace(leased, micro_batches=2))
    assert maker.store.finish(leased, again, OK, final=True)
    attempts = maker.ledger.attempts()
    assert attempts["outcome"].tolist() == ["oom", "ok"]
    assert attempts["micro_batches"].tolist() == [1, 2]
    assert attempts["attempt_number"].tolist() == [1, 2]


def test_a_worker_that_died_leaves_what_it_had_reported(maker: Maker) -> None:
    leased = maker.draw("ant_s", "bee_s")
    attempt = maker.start(leased)
    maker.store.epoch(attempt, epoch(1))
    maker.store.epoch(attempt, epoch(2))
    maker.store.finish(leased, attempt, Outcome(status=Status.CRASH), final=True)
    [row] = maker.ledger.attempts().itertuples()
    assert (row.epochs, row.seconds) == (2, 4.0)


def test_time_in_which_an_attempt_waited_is_none_that_it_worked(maker: Maker) -> None:
    leased = maker.draw("ant_s", "bee_s")
    attempt = maker.start(leased)
    with maker.ledger.session() as session:  # Ctrl-Z, say
        session.get_one(m.Attempt, attempt).started_at -= 3600.0
    maker.store.finish(leased, attempt, Outcome(status=Status.INVALID), final=True)
    assert maker.ledger.attempts()["seconds"].tolist() == [0.0]


def test_what_a_driver_gives_up_is_open_to_others(maker: Maker) -> None:
    maker.draw("ant_s", "bee_s")
    maker.draw("cat_s", "dog_s")
    maker.store.release_all()
    second = other(maker)
    taken = [second.reclaim(), second.reclaim()]
    assert [leased and leased.number for leased in taken] == [0, 1]


def test_the_limit_counts_the_search_alone(maker: Maker) -> None:
    maker.control("ant_s", 0.5)
    drawn = NewCandidate(candidate=maker.candidate("ant_s", "bee_s"), code="", cost=COST)
    assert maker.store.draw(lambda _: drawn, limit=1)
    assert maker.store.draw(lambda _: drawn, limit=1) is None


def test_a_control_is_added_once(maker: Maker) -> None:
    drawn = NewCandidate(candidate=maker.candidate("ant_s"), code="", cost=COST)
    assert maker.store.add(Role.CONTROL, drawn)
    assert other(maker).add(Role.CONTROL, drawn) is None


def test_records_follow_other_drivers(maker: Maker) -> None:
    second = other(maker)
    leased = maker.draw("ant_s", "bee_s")
    assert [r.status for r in second.records()] == [None]
    maker.store.finish(leased, maker.start(leased), OK, final=True)
    maker.failed("cat_s", "dog_s")
    records = second.records()
    assert [(r.number, r.status, r.value) for r in records] == [
        (0, Status.OK, 0.8),
        (1, Status.OOM, None),
    ]
    assert records[0].assignment == leased.candidate.assignment
    assert records == other(maker).records()


@pytest.mark.parametrize("hours", [-9, 9])
def test_records_follow_whatever_the_clocks_say(maker: Maker, hours: int) -> None:
    maker.trained("ant_s", "bee_s", val=0.5)
    with maker.ledger.session() as session:  # as another machine's clock, or this one's before
        session.execute(update(m.Candidate).values(finished_at=time.time() + 3600 * hours))
    store = other(maker)
    assert len(store.records()) == 1
    for replicate in range(3):
        maker.trained("cat_s", "dog_s", val=0.25, replicate=replicate)
        open_one = maker.draw("ant_s", "dog_s", replicate=replicate)
        assert [r.status for r in store.records()][-2:] == [Status.OK, None]
        maker.finish(open_one, OK)
        assert [r.value for r in store.records()][-2:] == [0.25, 0.8]


def test_a_gap_in_the_numbers_repeats_no_record(maker: Maker) -> None:
    maker.trained("ant_s", "bee_s", val=0.5)
    maker.trained("cat_s", "dog_s", val=0.5)
    with maker.ledger.session() as session:
        session.execute(update(m.Candidate).where(m.Candidate.number == 1).values(number=9))
    store = other(maker)
    for _ in range(3):
        assert [record.number for record in store.records()] == [0, 9]
    drawn = NewCandidate(candidate=maker.candidate("ant_s", "dog_s"), code="", cost=COST)
    leased = store.draw(lambda _: drawn, limit=3)
    assert leased is not None
    assert leased.number == 10


def test_what_left_a_gap_is_in_nobody_s_way(maker: Maker) -> None:
    def confirmation(replicate: int) -> NewCandidate:
        candidate = maker.candidate("ant_s", "bee_s", replicate=replicate)
        return NewCandidate(candidate=candidate, code="", cost=COST)

    assert maker.store.plan(Role.CONFIRM, map(confirmation, (1, 2, 3))) == 3
    for _ in range(2):
        leased = maker.store.reclaim()
        assert leased is not None
        maker.store.supersede(leased, None)
    assert maker.store.plan(Role.CONFIRM, map(confirmation, (4, 5))) == 2
    assert sorted(maker.ledger.candidates().query("role == 'confirm'")["number"]) == [2, 3, 4]
    assert maker.ledger.check() == []


def test_an_altered_spec_is_not_trained_under_its_old_key(maker: Maker) -> None:
    maker.trained("ant_s", "bee_s", val=0.9)
    maker.draw("cat_s", "dog_s")
    maker.store.release_all()
    damaged = "candidates {}: its key is [0-9a-f]+, but its spec has the key"
    for number, read in (
        (2, lambda: maker.store.reclaim()),
        (1, lambda: maker.store.leaders(1)),
        (1, lambda: find(maker.ledger, "#0")),
    ):
        with maker.ledger.session() as session:
            row = session.get_one(m.Candidate, number)
            kept = row.spec
            row.spec = {**kept, "recipe": {**kept["recipe"], "lr": 0.5}}
        with pytest.raises(DamagedError, match=damaged.format(number)):
            read()
        with maker.ledger.session() as session:
            session.get_one(m.Candidate, number).spec = kept
    assert maker.store.reclaim() is not None


def test_a_lease_beyond_any_that_is_given_is_none(maker: Maker) -> None:
    leased = maker.draw("ant_s", "bee_s")
    maker.start(leased)
    second = other(maker)
    for seconds, held in ((110.0, 1), (130.0, 0), (1e9, 0)):
        with maker.ledger.session() as session:
            row = session.get_one(m.Candidate, leased.id)
            row.owner, row.lease_until = "elsewhere/5/5/x", time.time() + seconds
        assert second.open_elsewhere() == held
    taken = second.reclaim()
    assert taken is not None
    assert taken.id == leased.id
    [attempt] = maker.ledger.attempts().itertuples()
    assert (attempt.outcome, attempt.seconds) == ("killed", 0.0)


@pytest.mark.parametrize("pid", [-5, 0, 2**31, 10**30])
@pytest.mark.parametrize("started", [1, -1, 2**53])
def test_no_driver_has_such_a_number(pid: int, started: int) -> None:
    with pytest.raises(ValueError, match="no process"):
        Owner.parse(f"{socket.gethostname()}/{pid}/{started}/x")


def test_owners_read_back_and_doubt_other_hosts() -> None:
    me = Owner.me()
    assert Owner.parse(str(me)) == me
    assert me != Owner.me()  # each driver of a process is its own
    assert not me.surely_dead()
    assert not Owner("elsewhere", 1, 0, "x").surely_dead()
    # The same pid, but another process: this one started a minute later.
    assert Owner(socket.gethostname(), me.pid, me.started - 6000, "x").surely_dead()
