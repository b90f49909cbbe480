"""The audit: sees a biased draw soon, and leaves fair ones alone however long they run."""

from itertools import combinations, product
from math import log

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from nas.sample import make_sampler
from nas.schema import Assignment, Choice, ExpertAxis, ExpertChoice, Member, Record, Space
from nas.stats import ALPHA, Audit, Draw, LevelCounts, Martingale
from nas.stats.level_counts import _shares
from nas.stats.martingale import log_mean


def space(families: int = 29, k: int = 4, members: tuple[int, ...] = (1,)) -> Space:
    sizes = [members[i % len(members)] for i in range(families)]
    return Space(
        name="x",
        experts=ExpertAxis(
            k=k,
            families={
                f"f{i:02}": tuple(Member(model=f"f{i:02}_{j}") for j in range(size))
                for i, size in enumerate(sizes)
            },
        ),
        choices=(Choice(name="mixing", values=("soft", "top1")),),
    )


def drawn(sampler: str, where: Space, count: int, seed: int = 0) -> Audit:
    """An audit of a sampler's first draws."""
    draws, audit = make_sampler(sampler, where, seed), Audit(where)
    records: list[Record] = []
    while len(records) < count and (assignment := draws.propose(records)) is not None:
        records.append(Record(len(records), assignment))
        audit.add([Draw(assignment)])
    return audit


def test_the_published_order_is_flagged_within_sixteen_candidates() -> None:
    verdict = drawn("lexicographic", space(), 16).verdict
    assert verdict.verdict == "biased"
    assert verdict.flagged_at is not None
    assert verdict.flagged_at <= 16
    assert "f00" in verdict.why


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("sampler", ["stratified", "uniform"])
@pytest.mark.parametrize(
    "where",
    [space(), space(12, 4, (1, 2, 3)), space(5, 3), space(4, 4, (2,))],
    ids=["29", "members", "exhausted", "all"],
)
def test_fair_draws_are_called_fair(sampler: str, where: Space, seed: int) -> None:
    verdict = drawn(sampler, where, 200, seed).verdict
    assert (verdict.verdict, verdict.flagged_at) == ("fair", None)


def assignment(families: str, model: int = 0, mixing: str = "soft") -> Assignment:
    return Assignment(
        picks=tuple(ExpertChoice(f"f{f:0>2}", f"f{f:0>2}_{model}") for f in families),
        choices=(("mixing", mixing),),
    )


def flagged(draws: list[Assignment], where: Space) -> str:
    audit = Audit(where)
    audit.add(map(Draw, draws))
    assert audit.verdict.verdict == "biased"
    return audit.verdict.why


def test_it_names_what_is_drawn_too_often_or_never() -> None:
    rng = np.random.default_rng(0)
    where = space(6, 2, (6,))
    pairs = ["".join(p) for p in combinations("012345", 2)]
    fair = [
        (pairs[i], int(m), str(g))
        for i, m, g in zip(
            rng.integers(15, size=300),
            rng.integers(6, size=300),
            rng.choice(["soft", "top1"], 300),
            strict=True,
        )
    ]
    always = flagged([assignment(p, 0, g) for p, _, g in fair], where)
    assert "member" in always
    soft = flagged([assignment(p, m, "soft") for p, m, _ in fair], where)
    assert soft.startswith("mixing soft is in")
    never = flagged([assignment(p, m, g) for p, m, g in fair if "0" not in p], where)
    assert "f00 is in 0 of" in never
    apart = flagged([assignment(p, m, g) for p, m, g in fair if p not in ("01", "23", "45")], where)
    assert "pair" in apart


def test_what_is_not_meant_to_be_fair_is_adaptive() -> None:
    audit = Audit(space())
    draws = make_sampler("lexicographic", space(), 0)
    records: list[Record] = []
    for number in range(30):
        point = draws.propose(records)
        assert point is not None
        records.append(Record(number, point))
        audit.add([Draw(point, "" if number < 2 else "f03 is benched")])
    verdict = audit.verdict
    assert (verdict.verdict, verdict.flagged_at) == ("adaptive", None)
    assert verdict.why == "f03 is benched, from draw 3 on"


@given(
    low=st.floats(0.01, 0.6),
    width=st.floats(0, 0.3),
    at=st.floats(0, 1),
    hits=st.lists(st.booleans(), max_size=30),
)
def test_no_bettor_gains_on_a_fair_level(
    low: float, width: float, at: float, hits: list[bool]
) -> None:
    """Whatever was drawn before, its expected wealth after the next draw is no greater."""
    chance = low + at * width
    wealth = []
    for last in (True, False):
        bets = Martingale(np.array([low]), np.array([low + width]))
        for hit in (*hits, last):
            before = bets.log_wealth[0, 0]
            bets.add(np.array([[[hit]]]), np.array([[[True]]]))
        wealth.append(np.exp(bets.log_wealth[0, 0] - before))
    assert chance * wealth[0] + (1 - chance) * wealth[1] <= 1 + 1e-9


@given(
    low=st.floats(0.01, 0.6),
    width=st.floats(0, 0.3),
    at=st.floats(0, 1),
    before=st.integers(0, 30),
    share=st.floats(0, 1),
    together=st.integers(1, 20),
)
def test_no_bettor_gains_on_a_fair_level_by_looking_seldom(
    low: float, width: float, at: float, before: int, share: float, together: int
) -> None:
    """The same of a look at several draws, over all that they may bring."""
    chance = low + at * width
    expected = 0.0
    for hits in range(together + 1):
        bets = Martingale(np.array([low]), np.array([low + width]))
        bets.add(np.array([[[round(share * before)]]]), np.array([[[before]]]))
        wealth = bets.log_wealth[0, 0]
        bets.add(np.array([[[hits]]]), np.array([[[together]]]))
        expected += binom.pmf(hits, together, chance) * np.exp(bets.log_wealth[0, 0] - wealth)
    assert expected <= 1 + 1e-9


@given(st.lists(st.integers(1, 3), min_size=3, max_size=6), st.integers(1, 3))
def test_shares_of_points_are_those_of_the_listed_points(sizes: list[int], k: int) -> None:
    k = min(k, len(sizes) - 1)
    points = [
        families
        for families in combinations(range(len(sizes)), k)
        for _ in product(*(range(sizes[f]) for f in families))
    ]
    sets = [(f,) for f in range(len(sizes))]
    sets += list(combinations(range(len(sizes)), 2)) if k >= 2 else []
    counted = [sum(set(s) <= set(p) for p in points) / len(points) for s in sets]
    assert _shares(sizes, k, sets) == pytest.approx(counted)


def uniform_campaigns(campaigns: int, draws: int, families: int, k: int) -> np.ndarray:
    """(S, T, F): which families uniform draws hold."""
    rng = np.random.default_rng(0)
    chosen = rng.random((campaigns, draws, families)).argpartition(k, axis=-1)[..., :k]
    held = np.zeros((campaigns, draws, families), dtype=bool)
    np.put_along_axis(held, chosen, True, axis=-1)
    return held


@pytest.mark.proof
def test_false_alarms_are_as_rare_as_promised() -> None:
    # At full size in benchmarks/audit.py: 10,000 campaigns of 1,146 draws.
    held = uniform_campaigns(400, 300, families=29, k=4)
    pairs = np.triu_indices(29, 1)
    hits = [held, held[..., pairs[0]] & held[..., pairs[1]]]
    paths = [
        log_mean(Martingale(group.low, group.high, len(hit)).add(hit, np.ones_like(hit)))
        for group, hit in zip(LevelCounts(space()).groups, hits, strict=False)
    ]
    wealth = log_mean(np.stack(paths, axis=-1)).max(axis=1)
    assert (wealth >= -log(ALPHA)).mean() <= 0.01


@pytest.fixture
def seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    """Looks at several draws together, as after thousands of them."""
    monkeypatch.setattr("nas.stats.look_schedule.SINGLY", 10)
    monkeypatch.setattr("nas.stats.look_schedule.SHARE", 4)


@pytest.mark.usefixtures("seldom")
def test_a_bias_is_seen_where_it_looks_seldom() -> None:
    where = space(12, 2)
    fair = some_draws("stratified", where, 0, 20)
    audit = Audit(where)
    audit.add(map(Draw, fair))
    assert audit.verdict.why.startswith("18 draws, ")  # ten, then 2, 3 and 3; 4 are due at 22
    audit.add(Draw(assignment("01")) for _ in range(60))
    flagged_at = audit.verdict.flagged_at
    assert flagged_at is not None
    assert 20 < flagged_at <= 60


@pytest.mark.usefixtures("seldom")
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.integers(1, 12), max_size=6), st.integers(0, 9))
def test_a_verdict_does_not_depend_on_when_it_was_looked_at(cuts: list[int], seed: int) -> None:
    where = space(8, 3, (1, 2))
    draws = [Draw(a) for a in some_draws("uniform" if seed % 2 else "lexicographic", where, seed)]
    at_once = Audit(where)
    at_once.add(draws)
    bit_by_bit, rest = Audit(where), draws
    for cut in cuts:
        bit_by_bit.add(rest[:cut])
        rest = rest[cut:]
    bit_by_bit.add(rest)
    assert bit_by_bit.verdict == at_once.verdict


def some_draws(sampler: str, where: Space, seed: int, count: int = 40) -> list[Assignment]:
    draws = make_sampler(sampler, where, seed)
    records: list[Record] = []
    while len(records) < count and (point := draws.propose(records)) is not None:
        records.append(Record(len(records), point))
    return [record.assignment for record in records]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("sizes", "k"),
    [((1, 1, 3, 2, 3, 3, 2, 3), 4), ((2, 1, 8, 1, 1, 8), 3), ((1, 8, 1, 8, 1, 1), 3)],
)
def test_a_space_that_runs_out_is_no_bias(sizes: tuple[int, ...], k: int, seed: int) -> None:
    """Level family counts ask more of small families' few sets than they have."""
    where = space(len(sizes), k, sizes)
    verdict = drawn("stratified", where, 1500, seed).verdict
    assert verdict.verdict == "fair"
    assert "the space is nearly exhausted" in verdict.why
