"""Which runs learned nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from nas.stats.collapse import can_tell, collapsed, few_learned, learned


def lost(*accuracies: float, images: float = 40, commonest: float = 0.5) -> list[bool]:
    n = len(accuracies)
    found = collapsed(np.array(accuracies), np.full(n, images), np.full(n, commonest))
    return found.tolist()  # type: ignore[no-any-return]


def test_by_hand() -> None:
    """Of 40 images at even odds, 27 or more right: .0192; 28 or more: .0083."""
    assert lost(27 / 40, 28 / 40, 1.0) == [True, False, False]
    assert lost(0.0, 1.0) == [True, False]


def test_of_few_images_nothing_can_be_reported() -> None:
    """Of 18 images of which a third is the most frequent class, 12 right pass (.0039; 11: .0144),
    which a model that is right on two thirds manages with a chance of .608. Of 40 at even odds, 28
    pass (.0083), which one that is right on three quarters manages with .820; of 39, 28 with
    .746."""
    assert not can_tell(18, 1 / 3)
    assert [can_tell(images, 0.5) for images in (1, 6, 39, 40)] == [False, False, False, True]
    assert lost(0.5, 11 / 18, 1.0, images=18, commonest=1 / 3) == [False] * 3
    few = few_learned(np.array([0.5]), np.array([18.0]), np.array([1 / 3]))
    assert few is None


def test_where_most_learned_nothing_nobody_collapsed() -> None:
    assert lost(0.5, 0.5, 1.0) == [False] * 3
    assert lost(0.5, 1.0) == [True, False]  # half of them is enough


def test_too_few_learned_for_the_others_to_stand_out() -> None:
    for accuracy, few in (([1.0, 0.5, 0.5], (1, 3)), ([1.0, 0.5], None), ([], None)):
        n = len(accuracy)
        assert few_learned(np.array(accuracy), np.full(n, 40.0), np.full(n, 0.5)) == few
    nan = float("nan")
    assert few_learned(np.array([nan, 0.5]), np.full(2, 40.0), np.full(2, 0.5)) == (0, 1)


def test_what_is_not_known_is_not_counted() -> None:
    nan = float("nan")
    assert lost(nan, nan, nan, 0.5, 1.0) == [False, False, False, True, False]
    assert lost(0.5, 1.0, commonest=nan) == [False, False]
    assert lost(0.5, 1.0, images=nan) == [False, False]
    assert lost() == []


def test_the_half_is_of_those_that_decide() -> None:
    """Controls may all collapse: it is the search that says whether something can be learned."""
    accuracy, one = np.array([1.0, 0.5, 0.5, 0.5]), np.ones(4)
    deciding = np.array([True, False, False, False])
    assert collapsed(accuracy, 40 * one, one / 2, deciding).tolist() == [False, True, True, True]
    assert not collapsed(accuracy, 40 * one, one / 2).any()


@given(st.integers(1, 300), st.data(), st.floats(0.01, 0.99))
def test_it_is_the_exact_binomial_test(images: int, data: st.DataObject, commonest: float) -> None:
    right = data.draw(st.integers(0, images))
    chance = binomtest(right, images, commonest, alternative="greater").pvalue
    if abs(chance - 0.01) < 1e-6:
        return
    found = learned(np.array([right / images]), np.array([images]), np.array([commonest]))
    assert found.tolist() == [chance <= 0.01]


@pytest.mark.parametrize("images", [100, 10_000])
def test_a_run_at_chance_seldom_passes(images: int) -> None:
    right = np.random.default_rng(0).binomial(images, 0.1, 20_000) / images
    passed = learned(right, np.full(20_000, float(images)), np.full(20_000, 0.1)).mean()
    assert 0.003 <= passed <= 0.012
