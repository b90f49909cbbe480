"""The data that training reads: three splits, each with normalised batches on the device."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import ceil

import torch
from torch import Tensor
from torch.nn import functional

from nas.compute import sent
from nas.data.augment import Augment, crop, distort, erase, erase_with_noise, jitter
from nas.schema import DatasetInfo

DISTORTED = 64
"""The largest side in pixels at which smaller images are strongly augmented."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """Turns stored images into a model's input."""

    size: int
    """Side of the model's input in pixels; stored images may be smaller."""
    mean: Tensor
    """`(1, C, 1, 1)` on the device, over training images in [0, 1]; `std` too."""
    std: Tensor
    mirror: bool
    standardize: bool = True
    """Whether the model's input is (x − mean) / std; otherwise x in [0, 1]."""
    _fill: tuple[float, ...] = field(init=False, repr=False)
    """The mean colour in 0…255, read from the device once."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "_fill", tuple((255 * self.mean).flatten().tolist()))

    def __call__(
        self, images: Tensor, index: Tensor, augment: Augment, generator: torch.Generator | None
    ) -> Tensor:
        """uint8 `(N, C, H, W)`, `(B,)` → floats `(B, C, size, size)`, normalised or in [0, 1]."""
        if augment == "none" or generator is None:
            x = self._resized(images.index_select(0, index))
            return self._normalised(x) if self.standardize else x
        return self._input(self._augmented(images, index, augment, generator))

    def _augmented(
        self, images: Tensor, index: Tensor, augment: Augment, generator: torch.Generator
    ) -> Tensor:
        """Normalised, as what is erased is 0 or noise."""
        if augment == "strong":
            x = distort(
                images.index_select(0, index),
                # Enlarged afterwards: at 224 px this would take seven times as long.
                size=min(self.size, max(DISTORTED, images.shape[-1])),
                mirror=self.mirror,
                fill=self._fill,
                generator=generator,
            )
            x = self._normalised(self._resized(x))
            return erase_with_noise(x, generator=generator)
        shift = min(images.shape[-2:]) // 8
        x = crop(images, index, shift=shift, mirror=self.mirror, generator=generator)
        x = self._resized(x)
        if augment == "light":
            return self._normalised(x)
        return erase(self._normalised(jitter(x, generator=generator)), generator=generator)

    def _resized(self, picked: Tensor) -> Tensor:
        """uint8 `(B, C, H, W)` → floats `(B, C, size, size)` in [0, 1]."""
        x = picked.float().div_(255)
        if x.shape[-1] != self.size:
            x = functional.interpolate(x, size=(self.size, self.size), mode="bilinear")
        return x

    def _normalised(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std

    def _input(self, x: Tensor) -> Tensor:
        return x if self.standardize else (x * self.std + self.mean).clamp_(0, 1)


class Split(ABC):
    """Labelled images in batches."""

    labels: Tensor
    """int64 `(N,)` on the device."""

    def __len__(self) -> int:
        return len(self.labels)

    def steps(self, batch_size: int) -> int:
        """Number of batches in one pass."""
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

        Every image occurs once, in evenly sized batches. A CPU `generator` shuffles and draws the
        augmentation; without one the order is fixed and nothing is augmented.
        """

    @abstractmethod
    def subset(self, index: Tensor) -> "Split":
        """The images at `index`, int64 `(M,)` on any device, in its order."""


class TensorSplit(Split):
    """Images from one uint8 tensor on the device, without a data loader."""

    def __init__(
        self,
        images: Tensor,
        labels: Tensor,
        prepare: Preparation,
        index: Tensor | None = None,
    ) -> None:
        """`images`: uint8 `(M, C, H, W)`, not larger than the model's input; `labels`: `(M,)`; both
        on the device. The split has those at `index` `(N,)`, or all. Splits share the images
        without a copy."""
        self.labels = labels if index is None else labels[index]
        self._stored, self._labels = images, labels
        self._index = index
        self._prepare = prepare

    @property
    def images(self) -> Tensor:
        """uint8 `(N, C, H, W)`; a copy if the split is a part of the stored images."""
        return self._stored if self._index is None else self._stored[self._index]

    def subset(self, index: Tensor) -> "TensorSplit":
        index = index.to(self._stored.device)
        here = index if self._index is None else self._index[index]
        return TensorSplit(self._stored, self._labels, self._prepare, here)

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


class FeatureSplit(Split):
    """What networks make of images, instead of the images themselves."""

    def __init__(self, features: Tensor, labels: Tensor) -> None:
        """`features` `(N, F)` and `labels` `(N,)` on the device."""
        self.labels = labels
        self._features = features[:, :, None, None]  # (N, F, 1, 1), as if they were images

    def subset(self, index: Tensor) -> "FeatureSplit":
        here = index.to(self.labels.device)
        return FeatureSplit(self._features[here, :, 0, 0], self.labels[here])

    def batches(
        self,
        batch_size: int,
        *,
        generator: torch.Generator | None = None,
        augment: Augment = "none",
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Features `(B, F, 1, 1)` and labels. Raises ValueError for an augmentation."""
        if augment != "none":
            raise ValueError("features cannot be augmented")
        for index in batch_indices(len(self), batch_size, generator):
            here = sent(index, self.labels.device)
            yield self._features[here], self.labels[here]


@dataclass(frozen=True, slots=True)
class Data:
    """A data set ready for training."""

    train: Split
    val: Split
    test: Split
    class_names: tuple[str, ...]
    mean: tuple[float, ...]
    """Per channel: the model's input is (x − mean) / std of an image in [0, 1]. Those of the
    training images; 0 and 1 where it gets images as they are."""
    std: tuple[float, ...]
    held: Split | None = None
    """Training images that are held out from the model; None without a hold-out."""
    value_range: tuple[float, float] | None = None
    """See nas.schema.DatasetInfo."""
    class_domains: tuple[int, ...] = ()
    """The domain of each class, from 0; empty if the data set names none. `nas.data.domains` finds
    domains for every data set."""

    @property
    def num_classes(self) -> int:
        """C, the number of classes."""
        return len(self.class_names)

    @property
    def inputs(self) -> DatasetInfo:
        """Everything needed to feed a model that was trained on this data."""
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
    """Number of batches for `count` images: see `batch_indices`."""
    return max(1, min(ceil(count / batch_size), count // 2))


def batch_indices(
    count: int, batch_size: int, generator: torch.Generator | None
) -> tuple[Tensor, ...]:
    """0…count-1, shuffled by `generator` if given, in evenly sized batches.

    Batch sizes differ by at most one, so that no small remainder disturbs BatchNorm. No batch has a
    single image, which BatchNorm cannot train on: with an odd count and batches of 2, one batch has
    3 images. Otherwise none exceeds `batch_size`. A single image is a batch of one.
    """
    index = torch.arange(count) if generator is None else torch.randperm(count, generator=generator)
    return index.tensor_split(steps(count, batch_size))
