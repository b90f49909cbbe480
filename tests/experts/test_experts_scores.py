"""Scores of mixtures: equal to what one by one computing gives, and right by hand."""

from itertools import combinations, product

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from nas.experts.averages import oracle, single_scores, uniform
from nas.experts.mixtures import enumerate_mixtures
from nas.schema import ProblemError


def drawn(seed: int, experts: int = 6, classes: int = 4, images: int = 37) -> tuple:
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(experts, classes, images, generator=generator)
    return logits, torch.randint(classes, (images,), generator=generator)


@settings(max_examples=25)
@given(st.integers(0, 1000), st.integers(1, 4))
def test_averages_and_oracles_are_those_of_each_mixture_by_itself(seed: int, k: int) -> None:
    logits, labels = drawn(seed)
    members = np.array(list(combinations(range(6), k)))
    accuracy, loss = uniform(logits, labels, members)
    bound = oracle(logits, labels, members)
    own = single_scores(logits, labels)
    for at, row in enumerate(members.tolist()):
        mean = logits[row].mean(dim=0).T
        assert accuracy[at] == pytest.approx(float((mean.argmax(1) == labels).double().mean()))
        assert loss[at] == pytest.approx(float(functional.cross_entropy(mean, labels)), rel=1e-5)
        right = (logits[row].argmax(dim=1) == labels).any(dim=0)
        assert bound[at] == pytest.approx(float(right.double().mean()))
        assert bound[at] >= own[row].max()


def test_an_average_may_be_right_where_no_expert_is() -> None:
    """Two images, three classes, the right one 2: each expert has it second, behind another."""
    first = torch.tensor([[5.0, 0.0], [0.0, 9.0], [4.0, 0.0]])
    second = torch.tensor([[0.0, 0.0], [5.0, 9.0], [4.0, 0.0]])
    logits, labels = torch.stack([first, second]), torch.tensor([2, 2])
    accuracy, loss = uniform(logits, labels, np.array([[0, 1]]))
    assert accuracy[0] == 0.5  # of the first image (2.5, 2.5, 4), of the second (0, 9, 0)
    by_hand = [np.log(2 * np.exp(2.5) + np.exp(4)) - 4, np.log(2 + np.exp(9))]
    assert loss[0] == pytest.approx(np.mean(by_hand), rel=1e-6)
    assert oracle(logits, labels, np.array([[0, 1]])) == [0.0]
    assert single_scores(logits, labels).tolist() == [0.0, 0.0]


def test_experts_that_say_nothing_are_not_taken_for_right() -> None:
    logits, labels = torch.zeros(4, 3, 30), torch.arange(30) % 3
    accuracy, loss = uniform(logits, labels, np.array([[0, 1, 2, 3]]))
    assert accuracy[0] == pytest.approx(1 / 3)  # the first class is taken, as argmax does
    assert loss[0] == pytest.approx(np.log(3))


@given(st.lists(st.integers(1, 3), min_size=2, max_size=6), st.integers(1, 4), st.integers(0, 100))
def test_all_mixtures_are_listed_once(sizes: list[int], k: int, seed: int) -> None:
    families = [f"f{n}" for n, size in enumerate(sizes) for _ in range(size)]
    k = min(k, len(sizes))
    brute = [
        members
        for members in combinations(range(len(families)), k)
        if len({families[m] for m in members}) == k
    ]
    found = enumerate_mixtures(families, k, limit=10_000)
    assert sorted(map(tuple, found.members.tolist())) == brute
    assert found.members.tolist() == sorted(found.members.tolist())
    assert (found.total, found.sampled) == (len(brute), False)
    half = max(1, len(brute) // 2)
    some = enumerate_mixtures(families, k, limit=half, seed=seed)
    assert {tuple(row) for row in some.members.tolist()} <= set(brute)
    assert len({tuple(row) for row in some.members.tolist()}) == len(some.members) == half
    assert some.sampled == (half < len(brute))


def test_a_sample_is_uniform_over_mixtures() -> None:
    """Families a (two experts), b and c make five pairs."""
    families = ["a", "a", "b", "c"]
    counts: dict[tuple[int, ...], int] = {}
    for seed in range(600):
        for row in enumerate_mixtures(families, 2, limit=2, seed=seed).members.tolist():
            counts[tuple(row)] = counts.get(tuple(row), 0) + 1
    assert len(counts) == 5
    assert max(abs(n - 240) for n in counts.values()) < 60  # 4 standard deviations of 12


def test_too_few_families_are_refused() -> None:
    with pytest.raises(ProblemError, match="the bank has 2 families"):
        enumerate_mixtures(["a", "a", "b"], 3, limit=10)


def test_progress_reaches_the_end() -> None:
    logits, labels = drawn(0)
    seen: list[int] = []
    members = np.array(list(product([0], [1], range(2, 6))))
    uniform(logits, labels, members, seen.append)
    assert seen[-1] == len(members)
