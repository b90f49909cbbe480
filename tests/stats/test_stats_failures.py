"""The warning that a family fails: soon for the culprit, never for its partners."""

from math import exp, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.stats.failure_rates import ALPHA, FailureRateTest

NAMES = tuple(f"f{n:02}" for n in range(12))


def candidates(count: int, seed: int = 0) -> np.ndarray:
    """(T, F): which of twelve families each candidate holds, four of them."""
    rng = np.random.default_rng(seed)
    held = np.zeros((count, 12), dtype=bool)
    np.put_along_axis(held, rng.random((count, 12)).argsort(axis=1)[:, :4], True, axis=1)
    return held


def named(failures: FailureRateTest) -> list[str]:
    return list(failures.warnings)


def test_a_family_that_always_fails_is_named_soon() -> None:
    held = candidates(60)
    failures = FailureRateTest(NAMES)
    for row in held:
        failures.add(row[None], row[None, 5])
        if failures.warnings:
            break
    assert named(failures) == ["f05"]
    lost = int(failures.warnings["f05"].split("rest: ")[1].split()[0])
    assert lost <= 8


def test_counts_stand_in_the_warning() -> None:
    held = candidates(90)
    failures = FailureRateTest(NAMES)
    failures.add(held, held[:, 5])
    with_it = int(held[:, 5].sum())
    assert failures.warnings == {
        "f05": f"f05 fails more often than the rest: {with_it} of {with_it} candidates with it,"
        f" 0 of {90 - with_it} without"
    }


@pytest.mark.parametrize("seed", range(30))
def test_failures_that_befall_all_alike_blame_nobody(seed: int) -> None:
    rng = np.random.default_rng(seed)
    failures = FailureRateTest(NAMES)
    failures.add(candidates(400, seed), rng.random(400) < rng.random())
    assert failures.warnings == {}


def test_a_family_that_fails_less_is_no_matter() -> None:
    held = candidates(300)
    failures = FailureRateTest(NAMES)
    failures.add(held, ~held[:, 3])
    assert "f03" not in named(failures)


@given(st.lists(st.tuples(st.integers(0, 11), st.booleans()), min_size=1, max_size=40))
def test_it_does_not_matter_in_what_portions_they_come(ended: list[tuple[int, bool]]) -> None:
    held = np.zeros((len(ended), 12), dtype=bool)
    held[np.arange(len(ended)), [family for family, _ in ended]] = True
    failed = np.array([lost for _, lost in ended])
    at_once, singly = FailureRateTest(NAMES), FailureRateTest(NAMES)
    at_once.add(held, failed)
    for row, lost in zip(held, failed, strict=True):
        singly.add(row[None], np.array([lost]))
    assert at_once.warnings == singly.warnings


def test_the_ratio_by_hand() -> None:
    """Five of five with it, none of ten without.

    Foretold: ½·¾·⅚·⅞·9⁄10 = 0.24609 and 0.17620 (ten of the other kind); fitted: (5/15)⁵(10/15)¹⁰ =
    7.136e-5; the ratio is 607.7, beyond 2/α for two families with α = 0.01.
    """
    ratio = 0.24609 * 0.17620 / ((5 / 15) ** 5 * (10 / 15) ** 10)
    assert ratio == pytest.approx(607.7, abs=0.5)
    assert log(ratio) > log(2 / ALPHA)
    held = np.array([[True, False]] * 5 + [[False, True]] * 10)
    failures = FailureRateTest(("a", "b"))
    failures.add(held, held[:, 0])
    assert named(failures) == ["a"]
    four = FailureRateTest(
        ("a", "b")
    )  # 4 of 4 and 0 of 3: 0.27344 · 0.3125 / ((4/7)⁴(3/7)³) = 10.2
    four.add(held[1:8], held[1:8, 0])
    assert exp(log(0.27344 * 0.3125) - 4 * log(4 / 7) - 3 * log(3 / 7)) < 2 / ALPHA
    assert four.warnings == {}
