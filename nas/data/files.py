"""Image files: decoded into memory, or streamed when they would not fit."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from nas.data.augment import Augment
from nas.data.split import Preparation, Split, order
from nas.spec import Problem, ProblemError

_BROKEN = (OSError, ValueError, SyntaxError, Image.DecompressionBombError)
"""What Pillow raises for a damaged, truncated or absurdly large file."""


def decode(path: Path, *, size: int, channels: int) -> Tensor:
    """One file as uint8 `(channels, size, size)`: scaled to cover the square, middle kept.

    Raises ProblemError that names the file when it is not a readable image.
    """
    try:
        with Image.open(path) as image:
            square = ImageOps.fit(
                image.convert("L" if channels == 1 else "RGB"),
                (size, size),
                Image.Resampling.BILINEAR,
            )
    except _BROKEN as error:
        raise ProblemError(
            f"cannot read this image ({str(error) or type(error).__name__})",
            where=str(path),
            fix="mend or remove the file",
        ) from error
    pixels = np.array(square, dtype=np.uint8).reshape(size, size, channels)
    return torch.from_numpy(pixels).permute(2, 0, 1)


def decode_all(paths: Sequence[Path], *, size: int, channels: int) -> Tensor:
    """All files as uint8 `(N, channels, size, size)` on the CPU; ProblemError as `decode`."""
    images = torch.empty(len(paths), channels, size, size, dtype=torch.uint8)
    # Pillow decodes without the interpreter's lock, so a few threads overlap the disk.
    with ThreadPoolExecutor(4) as pool:
        read = partial(decode, size=size, channels=channels)
        for i, image in enumerate(pool.map(read, paths)):
            images[i] = image
    return images


class _Files(Dataset[tuple[Tensor, int] | ProblemError]):
    """A broken file is a value here: an exception would lose its words between processes."""

    def __init__(self, paths: Sequence[Path], size: int, channels: int) -> None:
        self.paths, self.size, self.channels = paths, size, channels

    def __getitem__(self, i: int) -> tuple[Tensor, int] | ProblemError:
        try:
            return decode(self.paths[i], size=self.size, channels=self.channels), i
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
        channels: int,
        workers: int = 0,
    ) -> None:
        self.labels = labels
        self._files = _Files(paths, prepare.size, channels)
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
