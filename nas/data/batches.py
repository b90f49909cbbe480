"""What training sees: three splits that give normalised batches on the device."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil

import torch
from torch import Tensor
from torch.nn import functional

from nas.compute import sent
from nas.data.augment import Augment, crop, erase, jitter
from nas.schema import DatasetInfo


@dataclass(frozen=True, slots=True)
class Preparation:
    """How stored images become a model's input."""

    size: int
    """Side in pixels of what a model gets; stored images may be smaller."""
    mean: Tensor
    """`(1, C, 1, 1)`, of training images in [0, 1], on the device."""
    std: Tensor
    mirror: bool

    def __call__(
        self, images: Tensor, index: Tensor, augment: Augment, generator: torch.Generator | None
    ) -> Tensor:
        """uint8 `(N, C, H, W)`, `(B,)` → normalised floats `(B, C, size, size)`."""
        if augment == "none" or generator is None:
            picked = images.index_select(0, index)
        else:
            shift = min(images.shape[-2:]) // 8
            picked = crop(images, index, shift=shift, mirror=self.mirror, generator=generator)
        x = picked.float().div_(255)
        if x.shape[-1] != self.size:
            x = functional.interpolate(x, size=(self.size, self.size), mode="bilinear")
        if augment == "standard" and generator is not None:
            x = jitter(x, generator=generator)
        x = (x - self.mean) / self.std
        if augment == "standard" and generator is not None:
            x = erase(x, generator=generator)
        return x


class Split(ABC):
    """Labelled images in batches."""

    labels: Tensor
    """int64 `(N,)` on the device."""

    def __len__(self) -> int:
        return len(self.labels)

    def steps(self, batch_size: int) -> int:
        """How many batches one pass has."""
        return steps(len(self), batch_size)

    @abstractmethod
    def batches(
        self,
        batch_size: int,
        *,
        generator: torch.Generator | None = None,
        augment: Augment = "none",
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """One pass: normalised float images `(B, C, H, W)` and int64 labels `(B,)`.

        Every image comes once, in evenly sized batches. A CPU `generator` shuffles and draws the
        augmentation; without one the order is fixed and nothing is augmented.
        """


class TensorSplit(Split):
    """Images of one uint8 tensor on the device: no loader between them and the model."""

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        prepare: Preparation,
        index: Tensor | None = None,
    ) -> None:
        """`images` uint8 `(M, C, H, W)`, stored no larger than a model's input, and `labels`
        `(M,)`, on the device; of these the split has those at `index` `(N,)`, or all. The images
        are shared with other splits, never copied."""
        self.labels = labels if index is None else labels[index]
        self._stored = images
        self._index = index
        self._prepare = prepare

    @property
    def images(self) -> Tensor:
        """uint8 `(N, C, H, W)`: a copy where the split has a part of what is stored."""
        return self._stored if self._index is None else self._stored[self._index]

    def batches(
        self,
        batch_size: int,
        *,
        generator: torch.Generator | None = None,
        augment: Augment = "none",
    ) -> Iterator[tuple[Tensor, Tensor]]:
        for index in batch_indices(len(self), batch_size, generator):
            here = sent(index, self._stored.device)
            stored = here if self._index is None else self._index[here]
            yield self._prepare(self._stored, stored, augment, generator), self.labels[here]


@dataclass(frozen=True, slots=True)
class Data:
    """A data set ready for training."""

    train: Split
    val: Split
    test: Split
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    """Of each channel over the training images in [0, 1]; inputs are (x − mean) / std."""
    std: tuple[float, ...]
    held: Split | None = None
    """Training images that are kept from the model; None where the task holds none out."""
    value_range: tuple[float, float] | None = None
    """See nas.schema.DatasetInfo."""

    @property
    def num_classes(self) -> int:
        """C, the number of classes."""
        return len(self.class_names)

    @property
    def inputs(self) -> DatasetInfo:
        """All that somebody needs to feed a model that was trained on this."""
        return DatasetInfo(
            class_names=self.class_names,
            mean=self.mean,
            std=self.std,
            train_images=len(self.train),
            val_images=len(self.val),
            test_images=len(self.test),
            val_counts=tuple(self.val.labels.bincount(minlength=self.num_classes).tolist()),
            value_range=self.value_range,
        )


def steps(count: int, batch_size: int) -> int:
    """How many batches `count` images make: see `batch_indices`."""
    return max(1, min(ceil(count / batch_size), count // 2))


def batch_indices(
    count: int, batch_size: int, generator: torch.Generator | None
) -> tuple[Tensor, ...]:
    """0…count-1, shuffled by `generator` if there is one, in evenly sized batches.

    Batches differ in size by one at most, so that no small remainder disturbs BatchNorm, and none
    has a single image, which BatchNorm cannot train on: of an odd count in pairs the last three
    stay together. Otherwise none exceeds `batch_size`. One image alone is a batch of one.
    """
    index = torch.arange(count) if generator is None else torch.randperm(count, generator=generator)
    return index.tensor_split(steps(count, batch_size))
