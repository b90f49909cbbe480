"""Stratified division."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.data.raw import Pool, Raw
from nas.data.sources import synthetic
from nas.data.splits import divide, kept_and_held, stratify
from nas.schema import ProblemError

COUNTS = st.lists(st.integers(6, 40), min_size=1, max_size=5)


@given(COUNTS, st.integers(0, 99))
def test_parts_cover_all_once_and_each_class_by_its_share(counts: list[int], seed: int) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    parts = stratify(labels, (0.2, 0.3), seed, [str(n) for n in counts])
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    for label, count in enumerate(counts):
        sizes = [int((labels[part] == label).sum()) for part in parts]
        assert sizes[1:] == [max(1, round(count * 0.2)), max(1, round(count * 0.3))]


def test_the_seed_decides() -> None:
    labels = np.repeat([0, 1], 50)
    first, again, other = (stratify(labels, (0.5,), seed, "ab")[0] for seed in (1, 1, 2))
    assert first.tolist() == again.tolist() != other.tolist()


def test_a_class_too_small_is_named() -> None:
    with pytest.raises(ProblemError, match=r"class rare has 2 training images.*at least 3"):
        stratify(np.array([0, 0, 0, 0, 1, 1]), (0.2, 0.2), 0, ["common", "rare"])


def test_no_share_leaves_everything() -> None:
    (rest,) = stratify(np.array([1, 0]), (), 0, "ab")
    assert rest.tolist() == [0, 1]


def test_synthetic_labels_know_their_domain() -> None:
    assert [synthetic.domain(label) for label in (0, 3, 4, 11, 15)] == [0, 0, 1, 2, 3]
    assert len(synthetic.DOMAINS) == 4
    raw = synthetic.Synthetic().read(Path("unused"))
    assert raw.class_domains == (0,) * 4 + (1,) * 4 + (2,) * 4 + (3,) * 4


@pytest.mark.parametrize("share", [0.1, 0.25])
def test_what_is_held_out_comes_off_training_alone(share: float) -> None:
    labels = np.repeat(np.arange(3), [40, 60, 100])
    kept, held = kept_and_held(labels, share, 0, "abc")
    assert np.sort(np.concatenate([kept, held])).tolist() == list(range(200))
    for label in range(3):
        assert (labels[held] == label).sum() == round(share * (labels == label).sum())
    assert not np.array_equal(kept_and_held(labels, share, 1, "abc")[1], held)


def test_the_rest_comes_off_training_where_the_set_gives_none() -> None:
    labels = np.repeat(np.arange(3), [40, 60, 100])
    pixels = np.arange(200, dtype=np.uint8).reshape(200, 1, 1, 1)
    raw = Raw(("a", "b", "c"), Pool(pixels, labels), val_share=0.2, test_share=0.2)
    parts = divide(raw, 0)
    assert [len(part) for part in parts] == [120, 40, 40]
    together = np.sort(np.concatenate([np.ravel(part.pixels) for part in parts]))
    assert together.tolist() == list(range(200))
