"""Image files: decoded into memory, or streamed when they would not fit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from nas.data.augment import Augment
from nas.data.preprocess import prepare
from nas.data.reading import each, refuse, usable
from nas.data.split import Preparation, Split, order
from nas.spec import Problem, ProblemError


@dataclass(frozen=True, slots=True)
class Decoder:
    """One file as uint8 `(channels, size, size)`: see nas.data.preprocess.

    Raises ProblemError that names the file when it is not a readable image.
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


class _Files(Dataset[tuple[Tensor, int] | ProblemError]):
    """A broken file is a value here: an exception would lose its words between processes."""

    def __init__(self, paths: Sequence[Path], decode: Decoder) -> None:
        self.paths, self.decode = paths, decode

    def __getitem__(self, i: int) -> tuple[Tensor, int] | ProblemError:
        try:
            return self.decode(self.paths[i]), i
        except ProblemError as error:
            return error


def _collate(items: list[tuple[Tensor, int] | ProblemError]) -> tuple[Tensor, Tensor] | str:
    """A batch of images and their numbers, or the file name and fault of the first broken one."""
    good = []
    for item in items:
        if isinstance(item, ProblemError):
            return item.problem.model_dump_json()
        good.append(item)
    return torch.stack([image for image, _ in good]), torch.tensor([i for _, i in good])


class FileSplit(Split):
    """Images too many for memory: decoded by loader processes, prepared on the device."""

    def __init__(
        self,
        paths: Sequence[Path],
        labels: Tensor,
        prepare: Preparation,
        *,
        decode: Decoder,
        workers: int = 0,
    ) -> None:
        self.labels = labels
        self._files = _Files(paths, decode)
        self._prepare = prepare
        self._workers = workers

    def batches(
        self,
        batch_size: int,
        *,
        generator: torch.Generator | None = None,
        augment: Augment = "none",
    ) -> Iterator[tuple[Tensor, Tensor]]:
        device = self.labels.device
        loader = DataLoader(
            self._files,
            batch_sampler=[batch.tolist() for batch in order(len(self), batch_size, generator)],
            collate_fn=_collate,
            num_workers=self._workers,
            pin_memory=device.type == "cuda",
        )
        for batch in loader:
            if isinstance(batch, str):
                problem = Problem.model_validate_json(batch)
                raise ProblemError(problem.what, where=problem.where, fix=problem.fix)
            images, index = (part.to(device, non_blocking=True) for part in batch)
            every = torch.arange(len(images), device=device)
            yield self._prepare(images, every, augment, generator), self.labels[index]
