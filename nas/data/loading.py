"""Loads a data set by name into splits on a device."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from nas.data.batches import Data, Preparation, Split, TensorSplit
from nas.data.catalog import MEMORY_LIMIT, find
from nas.data.files import Decoder, FileSplit, decode_all
from nas.data.raw import Pool, Raw
from nas.data.splits import Index, divide, kept_and_held
from nas.data.survey import range_of
from nas.schema import ProblemError

_SAMPLE = 4096
"""Number of training images from which mean and deviation are computed."""


def load_images(
    dataset: str,
    *,
    split_seed: int,
    image_size: int,
    channels: int,
    root: Path,
    device: torch.device,
    standardize: bool = True,
    memory_limit: int = MEMORY_LIMIT,
) -> "Images":
    """See `nas.data.load_images`."""
    if channels not in (1, 3):
        raise ProblemError(f"images have 1 or 3 channels, not {channels}", where=dataset)
    source, where = find(dataset, root)
    raw = source.read(where)
    pools = divide(raw, split_seed)
    stored = _stored_size(raw, pools, image_size, channels, memory_limit)
    files = pools[0].pixels
    training = tuple(sorted(files)) if isinstance(files, tuple) else ()
    decode = Decoder(stored or image_size, channels, range_of(training))
    kind: type[Images] = _Streamed if stored is None else _InMemory
    return kind(raw, pools, split_seed, image_size, decode, device, standardize)


def load(dataset: str, *, hold_out: float = 0.0, **where: Any) -> Data:
    """The data of `load_images` for one hold-out share."""
    return load_images(dataset, **where).data(hold_out)


class Images(ABC):
    """A data set on a device, for any number of hold-out shares. All of them share the images, and
    each is made once."""

    def __init__(
        self,
        raw: Raw,
        pools: Sequence[Pool],
        split_seed: int,
        image_size: int,
        decode: Decoder,
        device: torch.device,
        standardize: bool,
    ) -> None:
        self._standardize = standardize
        self._class_names, self._mirror = raw.class_names, raw.mirror
        self._class_domains = raw.class_domains
        self._labels = [pool.labels for pool in pools]
        self._seed = split_seed
        self._size = image_size
        self._decode = decode
        self._device = device
        self._made: dict[float, Data] = {}

    def data(self, hold_out: float = 0.0) -> Data:
        """The splits, with the share `hold_out` of the training images held out from the model.

        Raises ProblemError if a class has too few images.
        """
        if hold_out not in self._made:
            self._made[hold_out] = self._divided(hold_out)
        return self._made[hold_out]

    def _divided(self, hold_out: float) -> Data:
        kept = held = None
        if hold_out:
            kept, held = kept_and_held(self._labels[0], hold_out, self._seed, self._class_names)
        prepare = self._preparation(kept)
        mean, std = prepare.mean, prepare.std
        if not self._standardize:
            mean, std = torch.zeros_like(mean), torch.ones_like(std)
        return Data(
            train=self._split(0, kept, prepare),
            val=self._split(1, None, prepare),
            test=self._split(2, None, prepare),
            class_names=self._class_names,
            mean=tuple(mean.flatten().tolist()),
            std=tuple(std.flatten().tolist()),
            held=None if held is None else self._split(0, held, prepare),
            value_range=self._decode.value_range,
            class_domains=self._class_domains,
        )

    def _preparation(self, kept: Index | None) -> Preparation:
        sample = self._sample(np.arange(len(self._labels[0])) if kept is None else kept)
        std, mean = torch.std_mean(sample.float() / 255, dim=(0, 2, 3), keepdim=True)
        # The scale of a constant channel must not become infinite.
        std = std.clamp(min=1e-3)
        here = mean.to(self._device), std.to(self._device)
        return Preparation(self._size, *here, self._mirror, self._standardize)

    @abstractmethod
    def _sample(self, kept: Index) -> Tensor:
        """A sample of the training images at `kept`, uint8 on the CPU."""

    @abstractmethod
    def _split(self, part: int, index: Index | None, prepare: Preparation) -> Split:
        """Part 0 (train), 1 (validation) or 2 (test): the images at `index`, or all."""


class _InMemory(Images):
    """Each part as one tensor on the device."""

    def __init__(self, raw: Raw, pools: Sequence[Pool], *more: Any) -> None:
        super().__init__(raw, pools, *more)
        self._pixels = [_pixels(pool, self._decode).to(self._device) for pool in pools]
        self._on_device = [torch.from_numpy(labels).to(self._device) for labels in self._labels]

    def _sample(self, kept: Index) -> Tensor:
        some = torch.from_numpy(kept[:: max(1, len(kept) // _SAMPLE)])
        return self._pixels[0][some.to(self._device)].cpu()

    def _split(self, part: int, index: Index | None, prepare: Preparation) -> Split:
        where = None if index is None else torch.from_numpy(index).to(self._device)
        return TensorSplit(self._pixels[part], self._on_device[part], prepare, where)


class _Streamed(Images):
    """Files that are decoded each time they are needed."""

    def __init__(self, raw: Raw, pools: Sequence[Pool], *more: Any) -> None:
        super().__init__(raw, pools, *more)
        self._paths = [pool.pixels for pool in pools if isinstance(pool.pixels, tuple)]
        if len(self._paths) < len(pools):
            raise ProblemError(
                f"at {self._decode.size} pixels this data set exceeds the memory limit",
                fix="choose a smaller image size",
            )

    def _sample(self, kept: Index) -> Tensor:
        some = np.random.default_rng(0).permutation(len(kept))[:1024]
        return decode_all([self._paths[0][i] for i in kept[some]], self._decode)

    def _split(self, part: int, index: Index | None, prepare: Preparation) -> Split:
        chosen = np.arange(len(self._labels[part])) if index is None else index
        return FileSplit(
            [self._paths[part][i] for i in chosen],
            torch.from_numpy(self._labels[part][chosen]).to(self._device),
            prepare,
            decode=self._decode,
            # On a CPU a trial has one thread; more would take other trials' cores.
            threads=4 if self._device.type == "cuda" else 0,
        )


def _stored_size(
    raw: Raw, pools: Sequence[Pool], image_size: int, channels: int, limit: int
) -> int | None:
    """The stored side in pixels: the model's if all images fit the limit, else their own; None:
    stream."""
    count = sum(len(pool) for pool in pools)
    if count * channels * image_size**2 <= limit:
        return image_size
    pixels = raw.train.pixels
    native = raw.native if isinstance(pixels, tuple) else pixels.shape[-1]
    if native is None or native >= image_size or count * channels * native**2 > limit:
        return None
    return native


def _pixels(pool: Pool, decode: Decoder) -> Tensor:
    """uint8 `(N, channels, size, size)` on the CPU."""
    if isinstance(pool.pixels, tuple):
        return decode_all(pool.pixels, decode)
    images = torch.from_numpy(np.ascontiguousarray(pool.pixels))
    if images.shape[1] == 1 and decode.channels == 3:
        images = images.expand(-1, 3, -1, -1)
    pieces = [_resize(piece, decode.size, decode.channels) for piece in torch.split(images, 1024)]
    return torch.cat(pieces)


def _resize(images: Tensor, size: int, channels: int) -> Tensor:
    x = images.float()
    if x.shape[1] == 3 and channels == 1:
        luma = x.new_tensor([0.299, 0.587, 0.114])  # ITU-R BT.601, as Pillow's "L"
        x = (x * luma[:, None, None]).sum(1, keepdim=True)
    if x.shape[-1] != size:
        x = functional.interpolate(x, size=(size, size), mode="bilinear", antialias=True)
    return x.round_().clamp_(0, 255).to(torch.uint8)
