"""Image files: decoded into memory, or streamed if they do not fit."""

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from nas.compute import sent
from nas.data.augment import Augment
from nas.data.batches import Preparation, Split, batch_indices
from nas.data.preprocess import prepare
from nas.data.reading import each, refuse, usable
from nas.schema import ProblemError

AHEAD = 2
"""Batches per thread that are decoded in advance."""


@dataclass(frozen=True, slots=True)
class Decoder:
    """Decodes a file to uint8 `(channels, size, size)`: see nas.data.preprocess.

    Raises ProblemError, with the file's name, if it is not a readable image.
    """

    size: int
    channels: int
    value_range: tuple[float, float] | None = None

    def __call__(self, path: Path) -> Tensor:
        return torch.from_numpy(usable(self._prepared, path))

    def _prepared(self, path: Path) -> NDArray[np.uint8]:
        return prepare(
            path, image_size=self.size, channels=self.channels, value_range=self.value_range
        )


def decode_all(paths: Sequence[Path], decode: Decoder) -> Tensor:
    """All files as uint8 `(N, channels, size, size)` on the CPU; ProblemError as `decode`."""
    images = torch.empty(len(paths), decode.channels, decode.size, decode.size, dtype=torch.uint8)
    bad = []
    for i, image in enumerate(each(decode, paths)):
        if isinstance(image, ProblemError):
            bad.append(image)
        else:
            images[i] = image
    refuse(bad, len(paths))
    return images


class FileSplit(Split):
    """Images that do not fit in memory: decoded when needed, prepared on the device."""

    def __init__(
        self,
        paths: Sequence[Path],
        labels: Tensor,
        prepare: Preparation,
        *,
        decode: Decoder,
        threads: int = 0,
    ) -> None:
        """`threads`: number of threads that decode batches in advance; 0 decodes in this thread.

        Threads, not processes as in PyTorch's DataLoader: Pillow releases the GIL while it decodes,
        and a thread's exception or crash happens in this process.
        """
        self.labels = labels
        self._paths, self._decode = paths, decode
        self._prepare = prepare
        self._threads = threads

    def subset(self, index: Tensor) -> "FileSplit":
        return FileSplit(
            [self._paths[at] for at in index.tolist()],
            self.labels[index.to(self.labels.device)],
            self._prepare,
            decode=self._decode,
            threads=self._threads,
        )

    def batches(
        self,
        batch_size: int,
        *,
        generator: torch.Generator | None = None,
        augment: Augment = "none",
    ) -> Iterator[tuple[Tensor, Tensor]]:
        device = self.labels.device
        for decoded, index in self._read(batch_indices(len(self), batch_size, generator)):
            images = decoded.to(device, non_blocking=True)
            every = torch.arange(len(images), device=device)
            labels = self.labels[sent(index, device)]
            yield self._prepare(images, every, augment, generator), labels

    def _read(self, wanted: Iterable[Tensor]) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and their indices, batch by batch."""
        if not self._threads:
            yield from map(self._batch, wanted)
            return
        pool = ThreadPoolExecutor(self._threads)
        coming: deque[Future[tuple[Tensor, Tensor]]] = deque()
        try:
            for index in wanted:
                coming.append(pool.submit(self._batch, index))
                if len(coming) > AHEAD * self._threads:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()
        finally:  # a consumer that stops here waits only for batches being decoded
            pool.shutdown(cancel_futures=True)

    def _batch(self, index: Tensor) -> tuple[Tensor, Tensor]:
        images = torch.stack([self._decode(self._paths[i]) for i in index.tolist()])
        return images.pin_memory() if self.labels.device.type == "cuda" else images, index
