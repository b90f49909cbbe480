"""Trains what stands on pretrained networks, on their features: linear probes, and a gate."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from nas.data.batches import FeatureSplit, Split
from nas.schema import Epoch
from nas.train.loop import Phase
from nas.train.procedures.base import Procedure
from nas.train.trunks import outside, trunk_owners


class Probe(Procedure):
    """Trains all of a model but its trunks (`nas.train.trunks`), which see every image once.

    Trunks are frozen, BatchNorm too, and images are not augmented, so that an epoch costs what
    stands on the features alone.
    """

    augments = False

    def __init__(self, *args: Any, **options: Any) -> None:
        """Raises BuildError for a model without trunks."""
        self._features: dict[str, Tensor] = {}
        super().__init__(*args, **options)

    def prepare(self) -> None:
        self._owners = trunk_owners(self.model)

    def phases(self) -> Sequence[Phase]:
        return [Phase("", self.recipe.epochs, tuple(outside(self.model)))]

    def _run(self, epoch: int) -> Epoch:
        with self._on_features():
            return super()._run(epoch)

    @contextmanager
    def _on_features(self) -> Iterator[None]:
        """Within it the data are the trunks' features, and each trunk takes its own of them."""
        data, trunks = self.data, [owner.trunk for owner in self._owners]
        self.data = replace(data, train=self._split("train"), val=self._split("val"))
        start = 0
        for owner, trunk in zip(self._owners, trunks, strict=True):
            owner.trunk = _Columns(start, start + trunk.width)
            start += trunk.width
        try:
            yield
        finally:
            self.data = data
            for owner, trunk in zip(self._owners, trunks, strict=True):
                owner.trunk = trunk

    def _split(self, name: str) -> FeatureSplit:
        split: Split = getattr(self.data, name)
        if name not in self._features:  # computed anew where training is resumed
            self._features[name] = self._computed(split)
        return FeatureSplit(self._features[name], split.labels)

    def _computed(self, split: Split) -> Tensor:
        """float32 `(N, ΣF)`, in the split's order."""
        self.model.eval()
        found = []
        with torch.no_grad():
            for x, _ in split.batches(self.evaluation_batch):
                with self.compute.autocast():
                    images = self.compute.images(x)
                    each = [owner.trunk(images).float() for owner in self._owners]
                found.append(torch.cat(each, dim=1))
                self.tick()
        return torch.cat(found)


class _Columns(nn.Module):
    """Stands for a trunk: some columns of features `(B, ΣF, 1, 1)` → `(B, F)`."""

    def __init__(self, start: int, stop: int) -> None:
        super().__init__()
        self._columns = slice(start, stop)

    def forward(self, features: Tensor) -> Tensor:
        return features[:, self._columns, 0, 0]
