"""The published way: the mechanism's arithmetic by hand, and what a replay never does."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest

from nas.replay import SimulatedCampaign, published, simulate_published
from nas.replay.airnet import BLACKLIST_FROM, FAILURE, fit

BATCH_ENDS = np.array([published.GENERATED * n // published.BATCHES for n in range(1, 198)])


@pytest.fixture(scope="module")
def days() -> SimulatedCampaign:
    return simulate_published(0)


def test_the_families_are_in_the_order_python_sorts_them() -> None:
    assert list(published.FAMILIES) == sorted(published.FAMILIES)
    assert len(published.QUARTETS) == 23_751


def test_the_nine_colliding_pairs_give_the_published_share() -> None:
    # Three pairs among the DPNs and three among the mobile families: each triple spoils
    # 3·C(26, 2) + 26 = 1,001 quartets; each of three lone pairs C(27, 2) = 351. A quartet spoiled
    # twice over is counted once: by 2 triples 3·3 = 9, by a triple and a pair 3·3·2 = 18, by two
    # pairs 3.  2·1,001 + 3·351 − 9 − 18 − 3 = 3,025.
    spoiled = len(published.QUARTETS) - len(published.buildable())
    assert spoiled == 2 * 1001 + 3 * 351 - 9 - 18 - 3 == 3025
    assert round(spoiled / 23_751, 3) == published.COLLISIONS


def test_the_1146th_quartet_lies_in_the_fourth_block_of_airnet() -> None:
    walk = [published.QUARTETS[place] for place in published.buildable()]
    seconds = Counter(quartet[1] for quartet in walk if quartet[0] == "AirNet")
    assert [seconds[f] for f in published.FAMILIES[1:5]] == [342, 316, 291, 267]
    assert walk[published.DISTINCT - 1][:2] == ("AirNet", "ConvNeXt")
    assert sum(published.HEAVY in quartet for quartet in walk[:342]) == 26  # a batch has 22.65


def test_with_a_memory_from_the_start_the_walk_never_turns_back() -> None:
    days = simulate_published(0, blacklist_from=0)
    assert days.tried.tolist() == list(published.buildable()[: published.RUN])
    assert days.tries == 1
    assert days.blacklisted == (~days.ok).sum()


def test_without_a_blacklist_the_walk_all_but_stands_still() -> None:
    forgetful = simulate_published(0, blacklist_from=published.BATCHES, failure=0.0)
    assert forgetful.blacklisted == 0
    assert forgetful.distinct < published.DISTINCT
    # Of the last 100 batches nine places in ten go to quartets tried before.
    late = forgetful.tried[BATCH_ENDS[96] :]
    assert len(np.setdiff1d(late, forgetful.tried[: BATCH_ENDS[96]])) < 0.1 * len(late)


@pytest.mark.parametrize("seed", range(5))
def test_what_every_replay_keeps(seed: int) -> None:
    days = simulate_published(seed)
    assert len(days.tried) == len(days.ok) == published.RUN == 4450
    firsts = list(dict.fromkeys(days.tried.tolist()))
    assert firsts == list(published.buildable()[: len(firsts)])
    assert all(published.QUARTETS[place][0] == "AirNet" for place in firsts)
    tries = Counter(days.tried.tolist())
    won = days.tried[days.ok]
    assert len(set(won.tolist())) == len(won)
    for place in won.tolist():
        at = np.flatnonzero(days.tried == place)
        assert days.ok[at[-1]]
        assert len(at) == tries[place]
    # Nothing stands twice in a batch, and nothing comes back from the blacklist.
    batches = np.searchsorted(BATCH_ENDS, np.arange(published.RUN), side="right")
    assert len(set(zip(batches.tolist(), days.tried.tolist(), strict=True))) == published.RUN
    late = batches >= BLACKLIST_FROM
    failed = days.tried[late & ~days.ok]
    assert len(failed) == len(set(failed.tolist())) == days.blacklisted


def test_a_seed_fixes_a_replay(days: SimulatedCampaign) -> None:
    again = simulate_published(0)
    assert np.array_equal(days.tried, again.tried)
    assert np.array_equal(days.ok, again.ok)
    assert not np.array_equal(days.ok, simulate_published(1).ok)


def test_what_is_counted(days: SimulatedCampaign) -> None:
    quartets = [published.QUARTETS[place] for place in days.tried]
    assert sum(days.attempts(family) for family in published.FAMILIES) == 4 * published.RUN
    heavy = [published.HEAVY in quartet for quartet in quartets]
    assert days.attempts(published.HEAVY) == sum(heavy)
    assert days.share(published.HEAVY) == pytest.approx(np.mean(np.array(heavy)[~days.ok]))
    assert days.success(published.HEAVY) == pytest.approx(np.mean(days.ok[heavy]))
    won = [q for q, ok in zip(quartets, days.ok, strict=True) if ok]
    assert days.families == len({family for quartet in won for family in quartet})
    assert days.pairs == len({pair for quartet in won for pair in combinations(quartet, 2)})
    counts = sorted(Counter(family for quartet in won for family in quartet).values())
    assert days.lopsided == pytest.approx(counts[-1] / counts[14])
    assert days.wasted == pytest.approx(1 - len(won) / len(quartets))


@pytest.mark.proof
def test_the_two_free_numbers_are_those_that_fit_best() -> None:
    assert fit(range(168, 171), (0.06, 0.08, 0.1), seeds=60) == (BLACKLIST_FROM, FAILURE)
