"""What `tpe` learns from, and what it learns."""

import importlib.util

import numpy as np
import optuna
import pytest
from sample_spaces import accuracy, draw, make_space

from nas.sample import make_sampler
from nas.sample.grid import Grid
from nas.sample.samplers.tpe import GOOD, OTHERS, STARTUP, TPESampler, _params, _repair, _value
from nas.schema import Assignment, Phase, ProblemError, Record, Status


@pytest.mark.proof
def test_draws_better_points_than_uniform() -> None:
    space = make_space([1] * 14, 4, [2])
    means = {
        name: np.mean(
            [
                accuracy(r.assignment)
                for seed in range(2)
                for r in draw(make_sampler(name, space, seed), 70)[40:]
            ]
        )
        for name in ("tpe", "uniform")
    }
    assert means["tpe"] > 1.3 * means["uniform"]


def test_draws_uniformly_until_there_are_results() -> None:
    space = make_space([1] * 9, 3, [2])
    records = draw(make_sampler("tpe", space, 0), STARTUP)
    pending = [Record(i, r.assignment) for i, r in enumerate(records)]
    # The same results in another order of merit change nothing while one is missing.
    turned = [
        Record(r.number, r.assignment, 0, Status.OK, 1 - (r.value or 0)) for r in records[:-1]
    ]
    first = make_sampler("tpe", space, 0).propose([*records[:-1], pending[-1]])
    assert first == make_sampler("tpe", space, 0).propose([*turned, pending[-1]])
    assert first == make_sampler("tpe", space, 0).propose(pending)


def test_results_matter_afterwards() -> None:
    space = make_space([1] * 12, 4, [3, 3])
    records = draw(make_sampler("uniform", space, 0), 40)
    turned = [Record(r.number, r.assignment, 0, Status.OK, 1 - (r.value or 0)) for r in records]
    proposals = {
        (make_sampler("tpe", space, 0).propose(some), i)
        for i in range(20)
        for some in (records[: 20 + i], turned[: 20 + i])
    }
    assert len(proposals) > 30


def test_what_a_record_is_worth() -> None:
    point = Assignment(choices=(("c0", 0),))
    assert _value(Record(0, point, 0, Status.OK, 0.9)) == 0.9
    assert _value(Record(0, point, 0, Status.PRUNED, 0.3)) == 0.3
    assert _value(Record(0, point)) == 0  # no result yet: the constant lie
    assert _value(Record(0, point, 0, Status.OOM)) == 0
    # A value from before the failure is not its worth.
    assert _value(Record(0, point, 0, Status.CRASH, 0.8)) == 0
    assert _value(Record(0, point, 0, Status.OK, float("nan"))) == 0


def test_history_is_the_best_and_the_latest_others() -> None:
    space = make_space([1] * 20, 4)
    records = draw(make_sampler("uniform", space, 0), 400)
    sampler = TPESampler(space, 0)
    sampler.propose(records[:0])
    sampler._replay(records)
    rows = [record for record, _ in sampler._rows(records, sampler.grid.eligible(()))]
    assert len(rows) == GOOD + OTHERS
    assert rows == sorted(rows, key=lambda r: r.number)
    best = sorted(records, key=_value, reverse=True)[:GOOD]
    others = [r for r in records if r not in best][-OTHERS:]
    assert {r.number for r in rows} == {r.number for r in best + others}
    # Optuna takes as many of these as good as it would of the whole history.
    default_gamma = optuna.samplers._tpe.sampler.default_gamma
    assert default_gamma(len(rows)) == default_gamma(len(records)) == GOOD


def test_records_with_an_excluded_family_are_left_out() -> None:
    space = make_space([1] * 6, 2)
    records = draw(make_sampler("uniform", space, 0), 15)
    sampler = TPESampler(space, 0)
    sampler._replay(records)
    rows = sampler._rows(records, sampler.grid.eligible({"F00"}))
    assert len(rows) == 10
    assert all("F00" not in record.assignment.families for record, _ in rows)
    proposed = sampler.propose(records, Phase(1, frozenset({"F00"})))
    assert proposed is None  # C(5, 2) = 10, all drawn


def test_a_suggestion_gets_exactly_k_families() -> None:
    space = make_space([1, 2, 3, 1, 2], 3, [2])
    grid = Grid(space)
    eligible = grid.eligible({"F03"})
    rng = np.random.default_rng(0)
    for wanted in ((), (1,), (0, 1, 2), (0, 1, 2, 4)):
        params = {f"family {grid.families[f]}": grid.sizes[f] * (f in wanted) for f in eligible}
        subsets = set()
        for _ in range(60):
            point = _repair(grid, eligible, params | {"choice 0": 1}, rng)
            assert grid.encode(grid.decode(point)) == point
            assert point.digits[-1] == 1
            for family, digit in zip(point.subset, point.digits, strict=False):
                if family in wanted:
                    assert digit == grid.sizes[family] - 1
            subsets.add(point.subset)
            few, many = sorted((set(wanted), set(point.subset)), key=len)
            assert few <= many
        # What is lost or gained is left to chance.
        assert len(subsets) == {0: 4, 1: 3, 3: 1, 4: 4}[len(wanted)]
        assert all(3 not in subset for subset in subsets)


def test_a_point_survives_its_encoding() -> None:
    space = make_space([1, 2, 3, 1, 2], 3, [2, 4])
    grid = Grid(space)
    rng = np.random.default_rng(0)
    for record in draw(make_sampler("uniform", space, 0), 50):
        point = grid.encode(record.assignment)
        assert point is not None
        assert _repair(grid, range(5), _params(grid, range(5), point), rng) == point


def test_when_all_it_wants_is_drawn_it_falls_back_to_an_undrawn_point(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    space = make_space([1] * 6, 3)
    records = draw(make_sampler("uniform", space, 0), 19)
    drawn = Grid(space).encode(records[0].assignment)
    requests = []
    monkeypatch.setattr("nas.sample.samplers.tpe._repair", lambda *_: requests.append(1) or drawn)
    proposed = make_sampler("tpe", space, 0).propose(records)
    assert len(requests) == 10
    assert proposed not in {r.assignment for r in records}


def test_optuna_is_left_as_it_was(capfd: pytest.CaptureFixture[str]) -> None:
    level = optuna.logging.get_verbosity()
    space = make_space([1] * 9, 3)
    draw(make_sampler("tpe", space, 0), STARTUP + 2)
    assert optuna.logging.get_verbosity() == level
    assert capfd.readouterr().err == ""


def test_without_optuna_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(
        "nas.sample.samplers.tpe.find_spec", lambda name: None if name == "optuna" else found(name)
    )
    with pytest.raises(ProblemError, match="not installed — pip install optuna"):
        make_sampler("tpe", make_space([1] * 4), 0)
