"""What computed and derived data sets contain."""

import numpy as np
import pytest
from data_files import Load, SmallCifar

from nas.data.sources.cifar100 import SUPERCLASSES, Cifar100


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
