"""Domains of classes: given, even, or found on the training images."""

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from data_files import Load

from nas.data import domains
from nas.data.batches import Data, Preparation, Split, TensorSplit
from nas.data.domains import Kind, class_domains
from nas.schema import ProblemError

FOUND: tuple[Kind, ...] = ("features", "confusion")
PLANTED = (0, 1, 1, 0, 2, 1, 2)
"""The group of each class in `planted`."""


class Forbidden(Split):
    """Images that nobody may look at."""

    @property
    def labels(self) -> NoReturn:  # type: ignore[override]
        raise AssertionError("these are no training images")

    def subset(self, index: torch.Tensor) -> Split:
        raise NotImplementedError

    def batches(self, *_: object, **__: object) -> NoReturn:
        raise AssertionError("these are no training images")


def data_of(pixels: np.ndarray, labels: Sequence[int], given: tuple[int, ...] = ()) -> Data:
    """Training images `(N, 1, S, S)` in 0…255; no others may be looked at."""
    half = torch.full((1, 1, 1, 1), 0.5)
    images = torch.from_numpy(pixels.clip(0, 255).astype(np.uint8))
    prepare = Preparation(images.shape[-1], half, half, mirror=False)
    train = TensorSplit(images, torch.tensor(labels), prepare)
    names = tuple(f"class {label}" for label in range(max(labels) + 1))
    other = Forbidden()
    return Data(train, other, other, names, (0.5,), (0.5,), held=other, class_domains=given)


def planted(classes: Sequence[int] = range(len(PLANTED)), *, noise: float = 60) -> Data:
    """30 images of each class: a pattern of its group, a fainter one of its own, and noise.

    The classes of a group are alike, and a linear model confuses them. `classes` are the labels
    that they get.
    """
    rng = np.random.default_rng(0)
    group, own = rng.normal(size=(3, 1, 8, 8)), rng.normal(size=(len(PLANTED), 1, 8, 8))
    label = rng.permutation(np.repeat(np.arange(len(PLANTED)), 30))
    mean = 128 + 40 * group[np.array(PLANTED)[label]] + 5 * own[label]
    pixels = mean + rng.normal(0, noise, mean.shape)
    return data_of(pixels.repeat(2, axis=2).repeat(2, axis=3), np.array(classes)[label].tolist())


def parts(of: Sequence[int]) -> set[frozenset[int]]:
    """Domains without their numbers: the set of their sets of classes."""
    return {frozenset(c for c, d in enumerate(of) if d == domain) for domain in set(of)}


def test_even_groups_are_consecutive() -> None:
    data = data_of(np.zeros((5, 1, 4, 4)), range(5))
    assert class_domains("even", data, 2, seed=0) == (0, 0, 0, 1, 1)
    assert class_domains("even", data, 3, seed=0) == (0, 0, 1, 1, 2)
    assert class_domains("even", data, 5, seed=0) == (0, 1, 2, 3, 4)


class TestGiven:
    def given(self, count: int, named: tuple[int, ...] = (2, 0, 1, 4, 3, 4)) -> tuple[int, ...]:
        return class_domains("given", data_of(np.zeros((6, 1, 4, 4)), range(6), named), count, 0)

    def test_as_many_as_are_named(self) -> None:
        assert self.given(5) == (2, 0, 1, 4, 3, 4)

    def test_more_are_merged(self) -> None:
        # 0, 1, 2 | 3, 4 and 0, 1 | 2, 3 | 4
        assert self.given(2) == (0, 0, 0, 1, 1, 1)
        assert self.given(3) == (1, 0, 0, 2, 1, 2)
        assert set(self.given(1)) == {0}

    def test_fewer_are_refused(self) -> None:
        with pytest.raises(ProblemError, match="names 5 domains, not 6 — choose at most 5 domains"):
            self.given(6)

    def test_none_are_refused(self) -> None:
        with pytest.raises(ProblemError, match="no domains of its classes — choose domains that"):
            self.given(1, named=())


@pytest.mark.parametrize("kind", ["given", "even", *FOUND])
class TestCounts:
    def test_more_domains_than_classes(self, kind: Kind) -> None:
        data = data_of(np.zeros((6, 1, 4, 4)), range(6), (0, 1, 2, 3, 4, 5))
        with pytest.raises(ProblemError, match=r"6 classes .* into 7 domains — .* from 1 to 6"):
            class_domains(kind, data, 7, seed=0)
        with pytest.raises(ProblemError, match="into 0 domains"):
            class_domains(kind, data, 0, seed=0)

    def test_none_is_empty_even_if_all_images_are_the_same(self, kind: Kind) -> None:
        for pixels in (np.zeros((20, 1, 4, 4)), np.eye(20, 16).reshape(20, 1, 4, 4) * 255):
            data = data_of(pixels, [*range(5)] * 4, (0, 1, 2, 3, 4))
            for count in range(1, 6):
                found = class_domains(kind, data, count, seed=0)
                assert len(found) == 5
                assert set(found) == set(range(count))


@pytest.mark.parametrize("kind", FOUND)
class TestFound:
    def test_planted_groups(self, kind: Kind) -> None:
        for seed in range(3):
            assert parts(class_domains(kind, planted(), 3, seed)) == parts(PLANTED)

    def test_one_domain_and_one_for_each_class(self, kind: Kind) -> None:
        assert class_domains(kind, planted(), 1, seed=0) == (0,) * 7
        assert sorted(class_domains(kind, planted(), 7, seed=0)) == [*range(7)]

    @pytest.mark.parametrize("noise", [60, 400])
    @pytest.mark.parametrize("count", [2, 3, 5])
    def test_labels_in_another_order(self, kind: Kind, count: int, noise: float) -> None:
        order = [4, 2, 6, 0, 5, 1, 3]
        found = class_domains(kind, planted(noise=noise), count, seed=1)
        other = class_domains(kind, planted(order, noise=noise), count, seed=1)
        assert found == tuple(other[label] for label in order)

    def test_the_same_again(self, kind: Kind) -> None:
        state = torch.get_rng_state()
        first, again = (class_domains(kind, planted(noise=400), 4, seed=5) for _ in range(2))
        assert first == again
        assert torch.equal(torch.get_rng_state(), state)

    def test_the_seed_counts_where_there_are_no_groups(self, kind: Kind) -> None:
        data = planted(noise=4000)
        assert len({frozenset(parts(class_domains(kind, data, 3, s))) for s in range(8)}) > 1

    def test_a_class_without_images(self, kind: Kind) -> None:
        data = data_of(np.zeros((4, 1, 4, 4)), [0, 0, 2, 2])
        with pytest.raises(ProblemError, match="class class 1 has 0 training images — give it at"):
            class_domains(kind, data, 2, seed=0)

    def test_of_many_images_some_of_each_class(
        self, kind: Kind, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(domains, "SAMPLE", 30)
        # 3,000 images of class 0, and 20 of each of the others
        rng = np.random.default_rng(0)
        labels = rng.permutation(np.repeat([0, 1, 2], [3000, 20, 20]))
        pixels = np.where(labels == 2, 200, 50)[:, None, None, None]
        pixels = pixels + rng.normal(0, 20, (len(labels), 1, 8, 8))
        data = data_of(pixels, labels.tolist())
        assert parts(class_domains(kind, data, 2, seed=0)) == parts((0, 0, 1))

    def test_no_more_images_are_read_than_needed(
        self, kind: Kind, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(domains, "SAMPLE", 100)
        data = data_of(np.arange(4000).reshape(-1, 1, 1, 1) % 256 + np.zeros((8, 8)), [0, 1] * 2000)
        read: list[int] = []
        batches = data.train.batches

        def counted(*arguments: Any, **named: Any) -> Any:
            for x, label in batches(*arguments, **named):
                read.append(len(x))
                yield x, label

        monkeypatch.setattr(data.train, "batches", counted)
        class_domains(kind, data, 2, seed=0)
        assert sum(read) < 1000

    def test_inverted_digits_are_a_domain(self, kind: Kind, load_small: Load) -> None:
        data = load_small("inverted-digits")
        assert parts(class_domains(kind, data, 2, seed=0)) == parts(data.class_domains)

    def test_of_synthetic_the_colours_are_one(self, kind: Kind, load_small: Load) -> None:
        # Neither means of pixels nor a linear model tell its other domains apart.
        data = load_small("synthetic")
        assert parts(class_domains(kind, data, 2, seed=0)) == parts((0,) * 12 + (1,) * 4)


def test_a_class_of_one_image_is_enough_for_features_alone() -> None:
    data = data_of(np.array([0, 10, 255]).reshape(-1, 1, 1, 1) + np.zeros((4, 4)), [0, 1, 2])
    assert parts(class_domains("features", data, 2, seed=0)) == parts((0, 0, 1))
    with pytest.raises(ProblemError, match=r"class class 0 has 1 training images — .* at least 2"):
        class_domains("confusion", data, 2, seed=0)


def test_classes_that_are_alike_need_not_be_confused() -> None:
    # Half of the pixels are one noisy number, whose mean is higher in classes 2 and 3 by 0.8
    # deviations: 32 · 0.8² = 20 in squared distance, but of little use to a classifier. Four
    # pixels tell even from odd classes without noise: 4 · 2² = 16.
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 4
    pixels = np.full((400, 1, 8, 8), 128.0)
    pixels[:, 0, 4:] += (16 * np.where(labels < 2, -1, 1) + rng.normal(0, 40, 400))[:, None, None]
    pixels[:, 0, 0, :4] = np.where(labels % 2, 160, 96)[:, None]
    data = data_of(pixels, labels.tolist())
    assert parts(class_domains("features", data, 2, seed=0)) == parts((0, 0, 1, 1))
    assert parts(class_domains("confusion", data, 2, seed=0)) == parts((0, 1, 0, 1))
