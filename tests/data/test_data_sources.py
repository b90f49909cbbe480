"""What computed and derived data sets contain."""

from pathlib import Path

import numpy as np
import pytest
from data_files import Load, SmallCifar
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.neighbors import KNeighborsClassifier

from nas.data.catalog import find
from nas.data.raw import Raw
from nas.data.sources.cifar100 import SUPERCLASSES, Cifar100


def read(name: str) -> Raw:
    return find(name, Path())[0].read(Path("unused"))


class TestInvertedDigits:
    def test_each_digit_occurs_once_as_it_is_or_inverted(self) -> None:
        digits, raw = read("digits").train, read("inverted-digits").train
        assert (raw.labels % 10 == digits.labels).all()
        as_it_is = raw.labels < 10
        plain, own = np.asarray(digits.pixels), np.asarray(raw.pixels)
        assert (own[as_it_is] == plain[as_it_is]).all()
        # 0.7 · 255 + 0.3 · 127.5 = 216.75 for black, 38.25 for white
        expected = 216.75 - 0.7 * plain[~as_it_is]
        assert np.abs(own[~as_it_is] - expected).max() <= 0.5
        assert (own[~as_it_is].min(), own[~as_it_is].max()) == (38, 217)

    def test_half_of_each_digit_is_inverted(self) -> None:
        counts = np.bincount(read("inverted-digits").train.labels)
        # 1,797 digits, 174 to 183 of each
        assert (counts[:10] + counts[10:] == np.bincount(read("digits").train.labels)).all()
        assert set(counts[:10] - counts[10:]) <= {0, 1}

    def test_names_and_domains(self) -> None:
        raw = read("inverted-digits")
        assert (raw.class_names[3], raw.class_names[13]) == ("3", "3 inverted")
        assert raw.class_domains == (0,) * 10 + (1,) * 10


class TestClusters:
    def test_a_coordinate_is_a_square_of_two_by_two(self) -> None:
        pixels = np.asarray(read("clusters").train.pixels)
        assert pixels.shape == (5000, 1, 8, 8)
        blocks = pixels.reshape(5000, 4, 2, 4, 2)
        assert (blocks == blocks[:, :, :1, :, :1]).all()

    def test_neighbours_agree_but_for_wrong_labels_and_a_linear_model_does_not(self) -> None:
        train = read("clusters").train
        points = np.asarray(train.pixels)[:, 0, ::2, ::2].reshape(-1, 16) / 32 - 4
        neighbours = cross_val_score(KNeighborsClassifier(15), points, train.labels, cv=3).mean()
        assert neighbours == pytest.approx(0.98, abs=0.005)
        assert (
            cross_val_score(LogisticRegression(max_iter=500), points, train.labels, cv=3).mean()
            < 0.93
        )

    def test_3000_points_train(self, load_small: Load) -> None:
        data = load_small("clusters", image_size=8, channels=1)
        assert (len(data.train), len(data.val), len(data.test)) == (3000, 1000, 1000)
        assert data.num_classes == 6
        assert data.class_domains == ()


class TestCifar100:
    def test_superclasses_have_five_classes_each(self) -> None:
        assert len(SUPERCLASSES) == 20
        assert np.bincount(Cifar100.class_domains).tolist() == [5] * 20

    def test_labels_and_superclasses_are_the_published_ones(self) -> None:
        published = {
            ("apple", 0): 4,
            ("aquarium_fish", 1): 1,
            ("boy", 11): 14,
            ("maple_tree", 47): 17,
            ("pickup_truck", 58): 18,
            ("worm", 99): 13,
        }
        names = sorted(" ".join(SUPERCLASSES.values()).split())
        for (name, label), superclass in published.items():
            assert names[label] == name
            assert Cifar100.class_domains[label] == superclass

    def test_only_cifar100_has_them(
        self,
        small_cifar: tuple[str, SmallCifar],
        load_small: Load,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        name, files = small_cifar
        files.accept(monkeypatch)
        domains = load_small(name).class_domains
        assert domains == (Cifar100.class_domains if name == "cifar100" else ())
