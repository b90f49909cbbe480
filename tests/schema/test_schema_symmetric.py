"""Elementary symmetric polynomials against their definition."""

from itertools import combinations
from math import prod

from hypothesis import given
from hypothesis import strategies as st

from nas.schema.symmetric import divided, symmetric, times

sizes = st.lists(st.integers(1, 9), min_size=1, max_size=7)


def test_by_hand() -> None:
    # (1 + 2x)(1 + 3x)(1 + 5x) = 1 + 10x + 31x² + 30x³
    assert symmetric((2, 3, 5), 3) == [1, 10, 31, 30]
    assert symmetric((2, 3, 5), 2) == [1, 10, 31]
    assert symmetric((), 2) == [1, 0, 0]
    assert times([1, 5, 6], 5) == [1, 10, 31]
    assert divided([1, 10, 31, 30], 5) == [1, 5, 6, 0]


@given(sizes, st.integers(0, 8))
def test_they_sum_over_all_sets(sizes: list[int], k: int) -> None:
    expected = [sum(prod(some) for some in combinations(sizes, r)) for r in range(k + 1)]
    assert symmetric(sizes, k) == expected


@given(sizes, st.integers(0, 8))
def test_what_is_divided_out_was_a_factor(sizes: list[int], k: int) -> None:
    assert divided(symmetric(sizes, k), sizes[0]) == symmetric(sizes[1:], k)
